import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../outcome/error-code.ts";
import { ambiguousOutcome, failureOutcome, type RecipientOutcome } from "../outcome/outcome.ts";
import type { BackoffPolicy } from "./backoff.ts";
import { type Disposition, type DispositionState, disposition } from "./disposition.ts";

const POLICY: BackoffPolicy = {
  minMs: 1_000,
  initialMs: 1_000,
  maxMs: 60_000,
  rateLimitedMinMs: 10_000,
  maxAttempts: 5,
  maxResends: 1,
  totalMs: 120_000,
};
const UNBOUNDED: DispositionState = {
  resend: true,
  unanswered: 1,
  timeLeftMs: Number.POSITIVE_INFINITY,
  lifeLeftMs: Number.POSITIVE_INFINITY,
};
const recipient = "tok-a";
const accepted: RecipientOutcome = { kind: "accepted", recipient, attempts: 1 };
const failed = (code: ErrorCode, retryAfterMs?: number) => failureOutcome(code, { recipient, retryAfterMs });
const unanswered = ambiguousOutcome("connection-lost", { recipient });
const done: Disposition = { kind: "done" };
const again = (afterMs: number): Disposition => ({ kind: "again", afterMs });
const dead = (cause: "not-made" | "attempts" | "expired" | "deadline", afterMs: number): Disposition => {
  return { kind: "dead", cause, afterMs };
};

describe("disposition of a recipient after an attempt", () => {
  it.each<[string, RecipientOutcome, number, Partial<DispositionState>, Disposition]>([
    ["accepted", accepted, 1, {}, done],
    ["unregistered", failed("not-registered"), 1, {}, done],
    ["rejected", failed("invalid-argument"), 1, {}, done],
    ["retryable, first attempt", failed("unavailable"), 1, {}, again(1_000)],
    ["retryable, a later attempt", failed("unavailable"), 4, {}, again(1_000)],
    ["retryable with Retry-After", failed("unavailable", 7_000), 1, {}, again(7_000)],
    ["rate exceeded", failed("device-message-rate-exceeded"), 1, {}, again(10_000)],
    ["rate exceeded with Retry-After", failed("device-message-rate-exceeded", 3_000), 1, {}, again(3_000)],
    ["aborted before it was written", failed("aborted"), 1, {}, dead("not-made", 0)],
    ["closed before it was written", failed("closed"), 1, {}, dead("not-made", 0)],
    ["retryable, last attempt", failed("unavailable"), 5, {}, dead("attempts", 1_000)],
    ["retryable, due at the deadline", failed("unavailable"), 1, { timeLeftMs: 1_000 }, again(1_000)],
    ["retryable, due after the deadline", failed("unavailable"), 1, { timeLeftMs: 999 }, dead("deadline", 1_000)],
    ["retryable, due before the end of its life", failed("unavailable"), 1, { lifeLeftMs: 1_001 }, again(1_000)],
    ["retryable, due at the end of its life", failed("unavailable"), 1, { lifeLeftMs: 1_000 }, dead("expired", 1_000)],
    [
      "retryable, life and deadline both too short",
      failed("unavailable"),
      1,
      { lifeLeftMs: 5, timeLeftMs: 5 },
      dead("expired", 1_000),
    ],
    ["unanswered, first copy", unanswered, 1, {}, again(1_000)],
    ["unanswered, as many copies as the policy allows", unanswered, 2, { unanswered: 2 }, done],
    ["unanswered, under `report`", unanswered, 1, { resend: false }, done],
    ["answered in words that cannot be read", { ...unanswered, answered: true }, 1, {}, done],
    ["unanswered and aborted", ambiguousOutcome("aborted", { recipient }), 1, {}, done],
    ["unanswered, by a transport that settles it itself", unanswered, 1, { settlesAmbiguous: true }, done],
    [
      "refused for now, by such a transport",
      { ...unanswered, refused: true },
      1,
      { settlesAmbiguous: true },
      again(1_000),
    ],
    ["unanswered, last attempt", unanswered, 5, {}, dead("attempts", 1_000)],
  ])("of %s", (_, outcome, attempts, state, expected) => {
    expect(disposition(outcome, attempts, POLICY, { ...UNBOUNDED, ...state }, () => 0)).toEqual(expected);
  });

  it("spreads the wait by the random part of the policy", () => {
    const after = (attempts: number, random: number) =>
      disposition(failed("unavailable"), attempts, POLICY, UNBOUNDED, () => random);
    expect(after(1, 0.5)).toEqual(again(1_500));
    expect(after(3, 0.5)).toEqual(again(3_000));
  });
});
