import { setImmediate } from "node:timers";
import { isCloudMessagingError, systemClock } from "@cloud-messaging/core";
import { nextDelayMs, outcomeKindFor } from "@cloud-messaging/core/transport";
import { Constants } from "./constants.ts";
import { addressOf } from "./convert.ts";
import { type Response, SendError, type Settled } from "./response.ts";
import type { Callback } from "./typings.ts";

/** One attempt by a program's own `sendNoRetry`. */
export type OverriddenAttempt = (recipient: unknown, callback: Callback) => unknown;

/** Retries of a send whose attempts are a program's own. */
export interface OverriddenRetries {
  readonly retries: number;
  /** First wait; it doubles, and is spread at random. Unit: milliseconds. */
  readonly backoff: number;
}

/**
 * Sends through a program's own `sendNoRetry` (a subclass, a stub of a test), and again as node-gcm did, by nothing but the words that it
 * called back: everybody after an error without a 4xx code, and those with `Unavailable` or `InternalServerError` after a response. The
 * first attempt is made within the call. A response that needed no second attempt is handed on as it is.
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

/** One attempt. An asynchronous function may give its response and call nobody back. */
function once(attempt: OverriddenAttempt, recipient: unknown): Promise<Settled> {
  return new Promise((resolve) => {
    const returned = attempt(recipient, (error, response, tokens) => {
      resolve(error ? { failure: error } : { response: response as Response, tokens });
    });
    if (typeof (returned as PromiseLike<Response> | undefined)?.then !== "function") return;
    const tokens = (Array.isArray(recipient) ? recipient : [recipient]) as string[];
    // after the callback, which tells more, where there is one as well
    (returned as PromiseLike<Response>).then(
      (response) => setImmediate(resolve, { response, tokens }),
      (failure: unknown) => setImmediate(resolve, { failure }),
    );
  });
}

/** Nothing would change at another attempt. */
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

/** The sums of both, and the later results in their places. */
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
