import { Logger } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { AppModule } from "./app.module";

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  await app.listen(process.env["PORT"] ?? 3000, "127.0.0.1");
  Logger.log(`listening: ${await app.getUrl()}`);
}

void main();
