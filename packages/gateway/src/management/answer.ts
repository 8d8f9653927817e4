import { type HttpAnswer, jsonAnswer } from "@cloud-messaging/connection-server";
import type { FailedOutcome } from "@cloud-messaging/core/transport";
import { isOwnFault, retryAfter } from "../translate.ts";

/**
 * Answer about a call that failed as a whole, by no fault of the client's: 503 where it may be made again, 500 otherwise. `undefined`: the
 * service has refused what was asked.
 */
export function failedCall(outcome: FailedOutcome, now: number = Date.now()): HttpAnswer | undefined {
  if (outcome.kind === "retryable") return unavailable(retryAfter(outcome.retryAt, now).retryAfter);
  if (outcome.kind === "ambiguous" || isOwnFault(outcome)) return jsonAnswer(500, { error: "INTERNAL" });
  return undefined;
}

/** 503, with the time after which to come again where it is known. Unit: seconds. */
export function unavailable(retryAfter: string | undefined): HttpAnswer {
  const headers = retryAfter === undefined ? {} : { headers: { "retry-after": retryAfter } };
  return { ...jsonAnswer(503, { error: "UNAVAILABLE" }), ...headers };
}
