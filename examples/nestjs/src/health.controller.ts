import type { CcsClient } from "@cloud-messaging/ccs-client";
import type { FcmSender } from "@cloud-messaging/http-sender";
import { Controller, Get } from "@nestjs/common";
import { HealthCheck, type HealthCheckResult, HealthCheckService } from "@nestjs/terminus";
import { PushHealthIndicator } from "./push/push.health";
import { InjectCcsClient, InjectFcmSender } from "./push/push.tokens";

/** `GET /health`: 503 while the sender or the CCS client is not ready. */
@Controller("health")
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly push: PushHealthIndicator,
    @InjectFcmSender() private readonly sender: FcmSender,
    @InjectCcsClient() private readonly client: CcsClient,
  ) {}

  @Get()
  @HealthCheck()
  check(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.push.isReady("fcm", this.sender),
      () => this.push.isReady("ccs", this.client),
    ]);
  }
}
