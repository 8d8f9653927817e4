import { Module } from "@nestjs/common";
import { ConfigModule, ConfigService } from "@nestjs/config";
import { APP_FILTER } from "@nestjs/core";
import { TerminusModule } from "@nestjs/terminus";
import { HealthController } from "./health.controller";
import { InvalidMessageFilter } from "./invalid-message.filter";
import { MessagesController } from "./messages.controller";
import { OrdersService } from "./orders.service";
import { PushModule } from "./push/push.module";

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    TerminusModule,
    PushModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        fcm: { credential: config.getOrThrow<string>("FCM_CREDENTIAL") },
        ccs: { senderId: config.getOrThrow<string>("CCS_SENDER_ID"), apiKey: config.getOrThrow<string>("CCS_API_KEY") },
      }),
    }),
  ],
  controllers: [MessagesController, HealthController],
  providers: [OrdersService, { provide: APP_FILTER, useClass: InvalidMessageFilter }],
})
export class AppModule {}
