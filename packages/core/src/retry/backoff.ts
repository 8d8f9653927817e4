import type { Random } from "../time/clock.ts";

/** Back-off between attempts, and limits of their number and time. Every transport has its own default. */
export interface BackoffPolicy {
  /** Minimum wait. Unit: milliseconds. Range: 0 or more. */
  readonly minMs: number;
  /** Width of the random part of the first wait; it doubles from attempt to attempt. Unit: milliseconds. Range: 0 or more. */
  readonly initialMs: number;
  /** Maximum width of the random part. Unit: milliseconds. Range: `initialMs` or more. */
  readonly maxMs: number;
  /** Minimum wait after a rate-exceeded code without Retry-After. Unit: milliseconds. Range: 0 or more. */
  readonly rateLimitedMinMs: number;
  /** Attempts per recipient, the first included. Range: 1 or more; `Infinity` for no limit but time. */
  readonly maxAttempts: number;
  /**
   * Further copies that may follow an unanswered one under `ambiguous: "resend"`: each may be a duplicate. Attempts after a `retryable`
   * outcome, which cannot be one, do not count. Range: 0 or more; `Infinity` for no limit but attempts and time.
   */
  readonly maxResends: number;
  /** Time limit of a send, from its call. Unit: milliseconds. Range: above 0; `Infinity` for no limit. */
  readonly totalMs: number;
}

/** The part of a policy that makes a wait. */
export type BackoffDelays = Pick<BackoffPolicy, "minMs" | "initialMs" | "maxMs" | "rateLimitedMinMs">;

/** State that the next wait is computed from. */
export interface BackoffState {
  /** Attempts already made. Range: 1 or more. */
  readonly attempts: number;
  /** Retry-After of the service. Unit: milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** The last answer was a rate-exceeded code. */
  readonly rateLimited?: boolean | undefined;
}

// more would leave the range of numbers; every real policy is at its maxMs long before
const MAX_DOUBLINGS = 60;

/**
 * The wait before the next attempt, in milliseconds: a floor plus full jitter. The floor is `minMs` or Retry-After, whichever is
 * longer, and after a rate-exceeded code without Retry-After at least `rateLimitedMinMs`; the jitter is drawn evenly from 0 to `initialMs` × 2^(attempts − 1), at most `maxMs`.
 * Thus never shorter than what the service asked for, and spread out even where many senders were told the same.
 *
 * Source: docs/protocol/gcm-http.md#retry-after
 */
export function nextDelayMs(policy: BackoffDelays, state: BackoffState, random: Random): number {
  const spread = Math.min(policy.maxMs, policy.initialMs * 2 ** Math.min(state.attempts - 1, MAX_DOUBLINGS));
  const floor = Math.max(policy.minMs, state.retryAfterMs ?? (state.rateLimited ? policy.rateLimitedMinMs : 0));
  return Math.round(floor + random() * spread);
}
