import type { Health } from "@cloud-messaging/http-sender";
import { Injectable } from "@nestjs/common";
import { type HealthIndicatorResult, HealthIndicatorService } from "@nestjs/terminus";

/** Health indicator of a sender or CCS client, for `HealthCheckService`. */
@Injectable()
export class PushHealthIndicator {
  constructor(private readonly indicators: HealthIndicatorService) {}

  /** Makes no request: the state is known from the sends before. */
  isReady(key: string, source: { health(): Health }): HealthIndicatorResult {
    const { ready, reason, lastError, backlog } = source.health();
    const indicator = this.indicators.check(key);
    return ready ? indicator.up({ backlog }) : indicator.down({ reason, lastError, backlog });
  }
}
