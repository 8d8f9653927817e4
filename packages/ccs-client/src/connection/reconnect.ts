import type { MonotonicInstant, Random } from "@cloud-messaging/core";
import { earlier, later, msBetween, nextDelayMs, plusMs } from "@cloud-messaging/core/transport";
import type { ReconnectPolicy } from "../options.ts";

/** What is known when the next attempt to connect is planned. */
export interface ReconnectFacts {
  /** Attempts in a row that ended before the connection had proved itself. */
  readonly failures: number;
  /** The last one got as far as being online. */
  readonly wasOnline: boolean;
}

/**
 * How long to wait before connecting: not at all after a connection that had worked, and after the first one that was dropped right
 * behind the login; else exponential with full jitter. Unit: milliseconds.
 *
 * Source: docs/protocol/ccs.md#reconnecting
 */
export function reconnectDelayMs(policy: ReconnectPolicy, facts: ReconnectFacts, random: Random): number {
  if (facts.failures === 0 || (facts.wasOnline && facts.failures === 1)) return 0;
  return nextDelayMs({ ...NO_FLOOR, ...policy }, { attempts: facts.failures }, random);
}

const NO_FLOOR = { minMs: 0, rateLimitedMinMs: 0 };

/** The minute that the service counts connections in. Unit: milliseconds. */
const RATE_WINDOW_MS = 60_000;

/** Holds connection attempts to what the service allows per minute. */
export class ConnectRate {
  readonly #maxPerMinute: number;
  /** When the latest attempts were made, and those that are planned will be, oldest first. */
  #attempts: MonotonicInstant[] = [];

  /** @param maxPerMinute Range: 1 or more. */
  constructor(maxPerMinute: number) {
    this.#maxPerMinute = maxPerMinute;
  }

  /**
   * Takes the first free place from `earliest` on; returns how long to wait for it from now on. Unit: milliseconds.
   *
   * @param earliest Range: `now` or later.
   */
  reserve(now: MonotonicInstant, earliest: MonotonicInstant = now): number {
    // by the real time: what is planned for later must not make those forgotten that still count now
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

  /** The first of as many attempts as a minute may have, if one more at this time would be in the same minute as all of them. */
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
