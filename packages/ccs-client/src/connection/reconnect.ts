import type { Random } from "@cloud-messaging/core";
import { earlier, later, type MonotonicInstant, msBetween, nextDelayMs, plusMs } from "@cloud-messaging/core/transport";
import type { ReconnectPolicy } from "../options.ts";

/** Facts for the delay of the next attempt to connect. */
export interface ReconnectFacts {
  /** Consecutive attempts that ended before the connection was `proven`. */
  readonly failures: number;
  /** True if the latest attempt was online. */
  readonly wasOnline: boolean;
}

/**
 * Returns the delay before the next attempt to connect: 0 after a connection that had worked and after the first one that was dropped right
 * after login, otherwise exponential back-off with full jitter. Unit: milliseconds.
 *
 * Source: docs/protocol/ccs.md#reconnecting
 */
export function reconnectDelayMs(policy: ReconnectPolicy, facts: ReconnectFacts, random: Random): number {
  if (facts.failures === 0 || (facts.wasOnline && facts.failures === 1)) return 0;
  return nextDelayMs({ ...NO_FLOOR, ...policy }, { attempts: facts.failures }, random);
}

const NO_FLOOR = { minMs: 0, rateLimitedMinMs: 0 };

/** Window of the service's limit on connections. Unit: milliseconds. */
const RATE_WINDOW_MS = 60_000;

/** Rate limiter of connection attempts: sliding window of one minute. */
export class ConnectRate {
  readonly #maxPerMinute: number;
  /** Instants of past and planned attempts, oldest first. */
  #attempts: MonotonicInstant[] = [];

  /** @param maxPerMinute Range: 1 or more. */
  constructor(maxPerMinute: number) {
    this.#maxPerMinute = maxPerMinute;
  }

  /**
   * Reserves the first free instant from `earliest` on; returns the delay until then. Unit: milliseconds.
   *
   * @param earliest Range: `now` or later.
   */
  reserve(now: MonotonicInstant, earliest: MonotonicInstant = now): number {
    // relative to now, not to the planned instant: attempts of the last minute still count
    const counted = plusMs(now, -RATE_WINDOW_MS);
    this.#attempts = this.#attempts.filter((at) => at > counted);
    let at = earliest;
    for (;;) {
      const blocking = this.#blocking(at);
      if (blocking === undefined) break;
      at = plusMs(blocking, RATE_WINDOW_MS);
    }
    this.#attempts.splice(this.#placeOf(at), 0, at);
    return msBetween(now, at);
  }

  #placeOf(at: MonotonicInstant): number {
    const later = this.#attempts.findIndex((attempt) => attempt > at);
    return later === -1 ? this.#attempts.length : later;
  }

  /** Returns the oldest attempt of a full window that an attempt at this instant would exceed; `undefined` if none. */
  #blocking(at: MonotonicInstant): MonotonicInstant | undefined {
    const place = this.#placeOf(at);
    let blocking: MonotonicInstant | undefined;
    for (let index = Math.max(0, place - this.#maxPerMinute); index <= place; index++) {
      const first = this.#attempts[index];
      const last = this.#attempts[index + this.#maxPerMinute - 1];
      if (first === undefined || last === undefined) break;
      if (msBetween(earlier(first, at), later(last, at)) < RATE_WINDOW_MS) blocking = first;
    }
    return blocking;
  }
}
