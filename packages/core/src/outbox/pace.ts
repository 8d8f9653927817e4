import type { Pace, Submission } from "./engine.ts";
import type { Rate } from "./outbox.ts";

/** Lateness of a claim that a pace makes up for. Unit: milliseconds. */
const PACE_TOLERANCE_MS = 1_000;
/** Lowest rate at the beginning of a ramp, as a part of the full one. */
const RAMP_FLOOR = 1 / 60;

const DEFAULT_RAMP_MS = 60_000;

/** The pace of a rate, with its default. */
export function paceOf({ perMinute, rampMs = DEFAULT_RAMP_MS }: Rate): Pace {
  return { perMinute, rampMs };
}

/** Position of a submission in its pace, on the engine's clock. */
export interface PaceState {
  /** Instant of the first claim under this pace. */
  readonly startedAt: number;
  /** Instant before which none of its chunks is handed out. */
  readonly nextAt: number;
  /** Time that the last chunk handed out occupies. Unit: milliseconds. Source of `ClaimedChunk.spreadMs`; need not be stored. */
  readonly spreadMs: number;
}

/**
 * Computes the pace of a submission after a claim: the chunk that was handed out occupies the rate for as long as its recipients take.
 * An engine stores the result with the claim. A submission is held back by its pace while `nextAt` is after the engine's clock.
 *
 * @param state State before the claim; `undefined` at the first.
 * @param recipients Number of unsettled recipients of the chunk.
 */
export function paceAfterClaim(
  { perMinute, rampMs }: Pace,
  state: Omit<PaceState, "spreadMs"> | undefined,
  now: number,
  recipients: number,
): PaceState {
  const startedAt = state?.startedAt ?? now;
  const reached = rampMs > 0 ? Math.min(1, Math.max(RAMP_FLOOR, (now - startedAt) / rampMs)) : 1;
  const from = Math.max(state?.nextAt ?? now, now - PACE_TOLERANCE_MS);
  const spreadMs = (recipients * 60_000) / (perMinute * reached);
  return { startedAt, nextAt: from + spreadMs, spreadMs };
}

/**
 * Computes the instant until which no chunk of a submission is handed out, on the engine's clock. `Infinity`: it is paused. A cancelled one is
 * handed out at once, to be settled.
 *
 * @param reached Its position in its pace; `undefined` before the first claim.
 */
export function heldBackUntil(
  { state, pace }: Pick<Submission, "state" | "pace">,
  reached: Pick<PaceState, "nextAt"> | undefined,
): number {
  if (state === "cancelled") return 0;
  if (state === "paused") return Number.POSITIVE_INFINITY;
  return pace === undefined ? 0 : (reached?.nextAt ?? 0);
}
