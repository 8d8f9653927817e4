import type { RecipientOutcome } from "../outcome/outcome.ts";
import type { BackoffPolicy } from "../retry/backoff.ts";
import { type DeadCause, disposition, isNotMade } from "../retry/disposition.ts";
import { expiredOutcome, finalOutcome } from "../retry/final-outcome.ts";
import type { Random } from "../time/clock.ts";

/** History of a recipient before an attempt. */
export interface History {
  /** Attempts made. */
  readonly attempts: number;
  /** Copies that were written and never answered. */
  readonly unanswered: number;
}

/** Rules and limits of a decision. */
export interface DecisionContext {
  readonly policy: BackoffPolicy;
  readonly resend: boolean;
  readonly settlesAmbiguous: boolean;
  /** Unit: milliseconds. */
  readonly timeLeftMs: number;
  /** Unit: milliseconds. */
  readonly lifeLeftMs: number;
  readonly timeToLiveSec: number | undefined;
  /** The wall clock. */
  readonly now: number;
  readonly random: Random;
}

/**
 * Decision about a recipient after an attempt.
 * `untouched`: no attempt was made. `in-doubt`: it was written, and this worker is ending; the mark stays, for the next worker.
 */
export type Decision =
  | { readonly kind: "final"; readonly outcome: RecipientOutcome; readonly dead?: DeadCause }
  | ({ readonly kind: "again"; readonly afterMs: number } & History)
  | { readonly kind: "untouched" }
  | { readonly kind: "in-doubt" };

/** Decides about a recipient by `disposition`, with the history that the outbox has stored. */
export function decide(outcome: RecipientOutcome, before: History, context: () => DecisionContext): Decision {
  // nearly all of them
  if (outcome.kind === "accepted" && before.attempts === 0 && before.unanswered === 0)
    return { kind: "final", outcome };
  if (isNotMade(outcome)) return { kind: "untouched" };
  if (outcome.kind === "ambiguous" && (outcome.code === "aborted" || outcome.code === "closed")) {
    return { kind: "in-doubt" };
  }
  const limits = context();
  const { policy, now, random } = limits;
  const attempts = before.attempts + outcome.attempts;
  const unanswered = before.unanswered + copiesInDoubt(outcome);
  const decided = disposition(
    outcome,
    Math.max(1, attempts),
    policy,
    { ...limits, unanswered, outlastsRefusals: true },
    random,
  );
  if (decided.kind === "again") return { kind: "again", afterMs: decided.afterMs, attempts, unanswered };
  const { unansweredCopies: _, ...bare } = outcome;
  const latest = { ...bare, attempts } as RecipientOutcome;
  const ended =
    decided.kind === "dead" && decided.cause === "expired" && latest.kind === "retryable"
      ? expiredOutcome(latest, limits.timeToLiveSec)
      : latest;
  const retryAt = (): number => Math.round(now + (decided.kind === "dead" ? decided.afterMs : 0));
  // the refused copy of an ambiguous outcome is none of those in doubt
  const counted = unanswered + (outcome.kind === "ambiguous" && outcome.refused ? 1 : 0);
  const final = { kind: "final", outcome: finalOutcome(ended, counted, retryAt) } as const;
  return decided.kind === "dead" ? { ...final, dead: decided.cause } : final;
}

/** Number of copies of this attempt that were written and never answered. */
function copiesInDoubt(outcome: RecipientOutcome): number {
  const earlier = outcome.unansweredCopies ?? 0;
  return outcome.kind === "ambiguous" && !outcome.refused ? earlier + 1 : earlier;
}
