import type { Clock } from "@cloud-messaging/core";
import { elapsedMs } from "@cloud-messaging/core/transport";

const MINUTE_MS = 60_000;

/** Rate limit: a bucket of permits that is refilled steadily. */
export class TokenBucket {
  readonly #perMinute: number;
  readonly #capacity: number;
  readonly #clock: Clock;
  #permits: number;
  #filledAt;

  /** @param perMinute Permits in a minute; as many, and at least one, can be taken at once. */
  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute;
    this.#capacity = Math.max(1, perMinute);
    this.#permits = this.#capacity;
    this.#clock = clock;
    this.#filledAt = clock.monotonic();
  }

  /** Takes a permit. Gives 0, or the time until there is one. Unit: milliseconds. */
  take(): number {
    const waitMs = this.waitMs();
    if (waitMs === 0) this.#permits--;
    return waitMs;
  }

  /** Time until a permit can be taken. Unit: milliseconds. */
  waitMs(): number {
    const elapsed = elapsedMs(this.#clock, this.#filledAt);
    this.#filledAt = this.#clock.monotonic();
    this.#permits = Math.min(this.#capacity, this.#permits + (elapsed / MINUTE_MS) * this.#perMinute);
    return this.#permits >= 1 ? 0 : ((1 - this.#permits) / this.#perMinute) * MINUTE_MS;
  }
}
