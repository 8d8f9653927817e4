import type { DownstreamMessage } from "../message/downstream.ts";
import type { AttemptOptions } from "../sending/downstream-transport.ts";
import { type MonotonicInstant, msBetween, NEVER, plusMs } from "../time/monotonic.ts";

/** Longest wait before a message with a time to live of 0, "now or never", is written. Unit: milliseconds. */
export const NOW_MS = 1_000;

/** The part of a message and of an attempt that a lifetime is reckoned from. */
type Lived = Pick<DownstreamMessage, "timeToLiveSec">;
type Bound = Pick<AttemptOptions, "expiresAt">;

/**
 * Computes the instant from which a message is not written any more: the end of its time to live, and one second after the call for a
 * time to live of 0. `NEVER` without one, and where each attempt has the whole of it.
 */
export function lifeEndsAt({ timeToLiveSec }: Lived, { expiresAt }: Bound): MonotonicInstant {
  if (timeToLiveSec === undefined || expiresAt === undefined) return NEVER;
  return timeToLiveSec === 0 ? plusMs(expiresAt, NOW_MS) : expiresAt;
}

/**
 * Takes the whole seconds that have passed off a message's time to live. A transport asks at the moment of writing, after every wait.
 *
 * @returns The message itself where it has no time to live to take from; `undefined` when nothing is left: the outcome is `rejected`,
 * code `expired`, and it is not written.
 */
export function withLifeLeft<T extends Lived>(message: T, bound: Bound, now: MonotonicInstant): T | undefined {
  const { timeToLiveSec } = message;
  const { expiresAt } = bound;
  if (timeToLiveSec === undefined || expiresAt === undefined) return message;
  if (now >= lifeEndsAt(message, bound)) return undefined;
  const left = Math.ceil(msBetween(now, expiresAt) / 1000);
  return left >= timeToLiveSec || timeToLiveSec === 0 ? message : { ...message, timeToLiveSec: left };
}
