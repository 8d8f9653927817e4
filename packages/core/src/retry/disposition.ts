import { type ErrorCode, errorRow } from "../outcome/error-code.ts";
import type { AmbiguousOutcome, RejectedOutcome, RetryableOutcome } from "../outcome/outcome.ts";
import type { Random } from "../time/clock.ts";
import { type BackoffPolicy, nextDelayMs } from "./backoff.ts";

/**
 * Decision about a recipient after an attempt.
 * `done`: final, no further attempt may follow.
 * `again`: the next attempt is due after `afterMs`.
 * `dead`: a further attempt would be due after `afterMs`, and is not made, because of `cause`.
 */
export type Disposition =
  | { readonly kind: "done" }
  | { readonly kind: "again"; readonly afterMs: number }
  | { readonly kind: "dead"; readonly cause: DeadCause; readonly afterMs: number };

/**
 * Reason why no further attempt is made.
 * `not-made`: the signal or `close()` ended the attempt before anything was written. `attempts`: the policy's `maxAttempts` are made.
 * `expired`: the time to live ends first. `deadline`: the time of the send ends first.
 */
export type DeadCause = "not-made" | "attempts" | "expired" | "deadline";

/** State of a recipient, beside its outcome and number of attempts. */
export interface DispositionState {
  /** True under `ambiguous: "resend"`. */
  readonly resend: boolean;
  /** Number of copies that were written and never answered, the latest included. */
  readonly unanswered: number;
  /** `DownstreamTransport.settlesAmbiguous` of the transport. */
  readonly settlesAmbiguous?: boolean | undefined;
  /** True for a queue, which outlasts a refusal of its sender: see `isRefusalOfSender`. Default: it is final, as for a caller who waits. */
  readonly outlastsRefusals?: boolean | undefined;
  /** Time left until the deadline of the send. Unit: milliseconds; `Infinity` without a deadline. */
  readonly timeLeftMs: number;
  /** Time left of the message's life. Unit: milliseconds; `Infinity` without a time to live. */
  readonly lifeLeftMs: number;
}

/** An outcome that a further attempt may change. */
export type Unsettled = RetryableOutcome | AmbiguousOutcome;

/** True for a refusal that is about the sender as a whole (its credential, its endpoint) and says nothing of the message. */
export function isRefusalOfSender(outcome: { readonly kind: string }): boolean {
  return outcome.kind === "rejected" && errorRow((outcome as RejectedOutcome).code).ofSender === true;
}

// an attempt that the caller's signal or close() ended before anything was written is no answer of the service
const NOT_MADE: ReadonlySet<ErrorCode> = new Set(["aborted", "closed"]);

/** True for the outcome of an attempt that the signal or `close()` ended before anything was written. */
export function isNotMade(outcome: { readonly kind: string }): boolean {
  return outcome.kind === "retryable" && NOT_MADE.has((outcome as RetryableOutcome).code);
}

/** True for the outcomes of the kinds `retryable` and `ambiguous`. */
export function isUnsettled(outcome: { readonly kind: string }): outcome is Unsettled {
  return outcome.kind === "retryable" || outcome.kind === "ambiguous";
}

/**
 * Decides about a recipient after an attempt: the rule of `withRetry`, and of every queue of sends. Pure but for `random`.
 *
 * @param attempts Number of attempts made. Range: 1 or more.
 *
 * Source: docs/retries.md
 */
export function disposition(
  outcome: { readonly kind: string },
  attempts: number,
  policy: BackoffPolicy,
  state: DispositionState,
  random: Random,
): Disposition {
  const outlasts = state.outlastsRefusals === true && isRefusalOfSender(outcome);
  if (!outlasts && !isUnsettled(outcome)) return { kind: "done" };
  if (isNotMade(outcome)) return { kind: "dead", cause: "not-made", afterMs: 0 };
  if (isUnsettled(outcome) && outcome.kind === "ambiguous" && !mayResend(outcome, policy, state))
    return { kind: "done" };
  // the queue holds the work of this sender instead: another's may go on with the recipient at once
  const afterMs = isUnsettled(outcome) ? nextDelayMs(policy, { attempts, ...serviceAdvice(outcome) }, random) : 0;
  const cause = deadCause(attempts, policy, state, afterMs);
  return cause === undefined ? { kind: "again", afterMs } : { kind: "dead", cause, afterMs };
}

/** The part of an outcome that makes the wait longer. */
function serviceAdvice(outcome: Unsettled) {
  return {
    rateLimited: errorRow(outcome.code).verdict === "back-off",
    retryAfterMs: outcome.kind === "retryable" ? outcome.retryAfterMs : undefined,
  };
}

function mayResend(outcome: AmbiguousOutcome, policy: BackoffPolicy, state: DispositionState): boolean {
  if (!state.resend || outcome.answered || NOT_MADE.has(outcome.code)) return false;
  // such a transport counts its copies itself, and asks for an attempt by `refused`
  if (state.settlesAmbiguous) return outcome.refused === true;
  return state.unanswered <= policy.maxResends;
}

function deadCause(
  attempts: number,
  policy: BackoffPolicy,
  { timeLeftMs, lifeLeftMs }: DispositionState,
  afterMs: number,
): DeadCause | undefined {
  if (attempts >= policy.maxAttempts) return "attempts";
  if (afterMs >= lifeLeftMs) return "expired";
  return afterMs > timeLeftMs ? "deadline" : undefined;
}
