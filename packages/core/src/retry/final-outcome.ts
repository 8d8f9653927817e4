import type { ErrorCode } from "../outcome/error-code.ts";
import { type RecipientOutcome, type RetryableOutcome, withUnansweredCopies } from "../outcome/outcome.ts";

/** Codes of a copy that was refused before it was written. */
const NOT_WRITTEN: ReadonlySet<ErrorCode> = new Set(["expired", "cancelled"]);

/**
 * Adds to a recipient's latest outcome what is known of its earlier copies. Once a copy may have been accepted, the outcome does not go
 * back to `retryable`, `expired` or `cancelled`: it is `ambiguous`.
 *
 * @param unanswered Number of copies that were written and never answered, the latest included where the outcome is `ambiguous`.
 * @param retryAt Earliest time of the next attempt, for a `retryable` outcome without one. Milliseconds since the epoch.
 */
export function finalOutcome(outcome: RecipientOutcome, unanswered: number, retryAt: () => number): RecipientOutcome {
  if (outcome.kind === "ambiguous") return withUnansweredCopies(outcome, unanswered - 1);
  if (outcome.kind === "retryable") {
    if (unanswered === 0) return outcome.retryAt === undefined ? { ...outcome, retryAt: retryAt() } : outcome;
    // the last copy was not accepted, an earlier one may have been: the doubt must not be lost
    const { retryAfterMs: _, retryAt: __, ...rest } = outcome;
    return withUnansweredCopies({ ...rest, kind: "ambiguous" }, unanswered);
  }
  if (outcome.kind === "rejected" && NOT_WRITTEN.has(outcome.code) && unanswered > 0) {
    const { group: _, ...rest } = outcome;
    return withUnansweredCopies({ ...rest, kind: "ambiguous" }, unanswered);
  }
  return withUnansweredCopies(outcome, unanswered);
}

/** The outcome of a recipient whose message ends its life before the next attempt is due. */
export function expiredOutcome(outcome: RetryableOutcome, timeToLiveSec: number | undefined): RecipientOutcome {
  const { retryAfterMs: _, retryAt: __, code, detail, ...rest } = outcome;
  const why = `its time to live of ${timeToLiveSec} s passes before it may be tried again after ${code}`;
  return { ...rest, kind: "rejected", code: "expired", detail: detail ? `${why} (${detail})` : why };
}
