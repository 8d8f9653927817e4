import { type CcsClient, createCcsClient } from "@cloud-messaging/ccs-client";
import { createFcmSender, type FcmSender } from "@cloud-messaging/http-sender";
import { Logger, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { TerminusModule } from "@nestjs/terminus";
import { PushHealthIndicator } from "./push.health";
import { ConfigurableModuleClass, PUSH_OPTIONS, type PushOptions } from "./push.options";
import { CCS_CLIENT, FCM_SENDER, InjectCcsClient, InjectFcmSender } from "./push.tokens";

/** One sender and one CCS client for the life of the application. */
@Module({
  imports: [TerminusModule],
  providers: [
    { provide: FCM_SENDER, inject: [PUSH_OPTIONS], useFactory: ({ fcm }: PushOptions) => createFcmSender(fcm) },
    { provide: CCS_CLIENT, inject: [PUSH_OPTIONS], useFactory: ({ ccs }: PushOptions) => createCcsClient(ccs) },
    PushHealthIndicator,
  ],
  exports: [FCM_SENDER, CCS_CLIENT, PushHealthIndicator],
})
export class PushModule extends ConfigurableModuleClass implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @InjectFcmSender() private readonly sender: FcmSender,
    @InjectCcsClient() private readonly client: CcsClient,
  ) {
    super();
  }

  /** Checks the credentials once. The application starts meanwhile: a service that is down is no reason not to. */
  onApplicationBootstrap(): void {
    void this.sender.verifyCredentials().then((check) => {
      if (check.kind === "invalid") new Logger(PushModule.name).error(`credentials refused: ${check.detail}`);
    });
  }

  /** Nest calls this after its HTTP server has closed: no request finds a closed sender. Sends under way settle. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.sender.close(), this.client.close()]);
  }
}
