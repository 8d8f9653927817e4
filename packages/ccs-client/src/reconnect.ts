import { nextDelayMs, type Random } from "@cloud-messaging/core";
import type { ReconnectPolicy } from "./options.ts";

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

const NO_FLOOR = {
  minMs: 0,
  rateLimitedMinMs: 0,
  maxAttempts: Number.POSITIVE_INFINITY,
  totalMs: Number.POSITIVE_INFINITY,
};

/** The minute that the service counts connections in. Unit: milliseconds. */
const RATE_WINDOW_MS = 60_000;

/** Holds connection attempts to what the service allows per minute. */
export class ConnectRate {
  readonly #maxPerMinute: number;
  /** When the latest attempts were made, oldest first. */
  #attempts: number[] = [];

  /** @param maxPerMinute Range: 1 or more. */
  constructor(maxPerMinute: number) {
    this.#maxPerMinute = maxPerMinute;
  }

  /** Takes the next free place; returns how long to wait for it. Unit: milliseconds. */
  reserve(now: number): number {
    this.#attempts = this.#attempts.filter((at) => at > now - RATE_WINDOW_MS);
    const blocking = this.#attempts[this.#attempts.length - this.#maxPerMinute];
    const at = blocking === undefined ? now : Math.max(now, blocking + RATE_WINDOW_MS);
    this.#attempts.push(at);
    return at - now;
  }
}
