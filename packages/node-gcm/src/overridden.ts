import { isCloudMessagingError } from "@cloud-messaging/core";
import { nextDelayMs, nextTurn, outcomeKindFor, systemClock } from "@cloud-messaging/core/transport";
import { Constants } from "./constants.ts";
import { addressOf } from "./convert.ts";
import type { Response, Settled } from "./response.ts";
import { SendError } from "./send-error.ts";
import type { Callback } from "./typings.ts";

/** One attempt by an overridden `sendNoRetry`. */
export type OverriddenAttempt = (recipient: unknown, callback: Callback) => unknown;

/** Retries of a send with an overridden `sendNoRetry`. */
export interface OverriddenRetries {
  readonly retries: number;
  /** First wait; it doubles, and is spread at random. Unit: milliseconds. */
  readonly backoff: number;
}

/**
 * Sends through an overridden `sendNoRetry` (of a subclass, of a stub in a test) and retries as node-gcm did, by the callback's arguments
 * only: all recipients after an error without a 4xx code, and those with `Unavailable` or `InternalServerError` after a response. The
 * first attempt is made synchronously. A response without retries is passed on unchanged.
 */
export async function sendOverridden(
  attempt: OverriddenAttempt,
  recipient: unknown,
  { retries, backoff }: OverriddenRetries,
): Promise<Settled> {
  const first = await once(attempt, recipient);
  if (retries <= 0) return first;
  const again = async (others: unknown): Promise<Settled> => {
    const initialMs = Math.min(backoff, Constants.MAX_BACKOFF_DELAY);
    await pause(initialMs);
    return sendOverridden(attempt, others, { retries: retries - 1, backoff: 2 * initialMs });
  };
  if ("failure" in first) return isFinal(first.failure, recipient) ? first : again(recipient);
  const { response, tokens } = first;
  const unsent = unsentPositions(response);
  if (unsent.length === 0 || !Array.isArray(tokens)) return first;
  const second = await again(unsent.map((position) => (tokens as unknown[])[position]));
  return "failure" in second ? first : { response: merged(response, second.response, unsent), tokens };
}

/** Makes one attempt. An asynchronous override may return its response without a callback. */
function once(attempt: OverriddenAttempt, recipient: unknown): Promise<Settled> {
  return new Promise((resolve) => {
    const returned = attempt(recipient, (error, response, tokens) => {
      resolve(error ? { failure: error } : { response: response as Response, tokens });
    });
    if (typeof (returned as PromiseLike<Response> | undefined)?.then !== "function") return;
    const tokens = (Array.isArray(recipient) ? recipient : [recipient]) as string[];
    // after the callback, which takes precedence
    (returned as PromiseLike<Response>).then(
      (response) => nextTurn(() => resolve({ response, tokens })),
      (failure: unknown) => nextTurn(() => resolve({ failure })),
    );
  });
}

/** True if a retry would change nothing. */
function isFinal(failure: unknown, recipient: unknown): boolean {
  if (isCloudMessagingError(failure) || "error" in addressOf(recipient)) return true;
  const code: unknown = typeof failure === "number" ? failure : (failure as { code?: unknown } | null)?.code;
  if (typeof code === "number") return code >= 400 && code < 500;
  return (
    failure instanceof SendError && typeof failure.code === "string" && outcomeKindFor(failure.code) !== "retryable"
  );
}

function unsentPositions(response: Response | null | undefined): number[] {
  const results: readonly ({ readonly error?: string | undefined } | null)[] = response?.results ?? [];
  return results.flatMap((result, position) =>
    result?.error === "Unavailable" || result?.error === "InternalServerError" ? [position] : [],
  );
}

/** Merges two responses: sums of both, later results by position. */
function merged(first: Response, second: Response | undefined, positions: readonly number[]): Response {
  const results = [...(first.results ?? [])];
  for (const [index, position] of positions.entries()) {
    const result = second?.results?.[index];
    if (result !== undefined) results[position] = result;
  }
  return {
    ...first,
    success: (first.success ?? 0) + (second?.success ?? 0),
    failure: (first.failure ?? 0) - (positions.length - (second?.failure ?? 0)),
    canonical_ids: (first.canonical_ids ?? 0) + (second?.canonical_ids ?? 0),
    results,
  };
}

function pause(backoff: number): Promise<void> {
  const policy = {
    minMs: backoff,
    initialMs: backoff,
    maxMs: backoff,
    rateLimitedMinMs: 0,
    maxAttempts: 2,
    totalMs: Number.POSITIVE_INFINITY,
  };
  return new Promise((resolve) => {
    systemClock.schedule(nextDelayMs(policy, { attempts: 1 }, Math.random), resolve);
  });
}
