import type { DownstreamMessage, ErrorCode, RecipientOutcome } from "@cloud-messaging/core";
import {
  ambiguousOutcome,
  failureOutcome,
  isJsonObject,
  type MonotonicInstant,
  outcomeKindFor,
  readRetryAfter,
  serviceText,
} from "@cloud-messaging/core/transport";
import { parseBoundedJson } from "@cloud-messaging/core/wire";
import { answerOf, statusOf, unreadAnswerOf } from "../common/error-body.ts";
import type { HttpAnswer, HttpResult } from "../http/http-client.ts";
import { recipientKindOf } from "./codec.ts";
import { type FcmV1Failure, isAboutAccessToken, readFailure } from "./failure.ts";
import { hasOtherFault } from "./other-faults.ts";

/** One request: the message, one of its recipients, and its body. */
export interface RequestFacts {
  readonly recipient: string;
  readonly message: DownstreamMessage;
  /** Encodes the body at the moment of writing; `undefined` once the time to live has passed. */
  readonly body: () => string | undefined;
  /** End of the time to live: from then on it is not written. */
  readonly endsAt?: MonotonicInstant;
}

/** Reason for which nothing was sent. */
export interface NotSent {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryAfterMs?: number | undefined;
}

/** Marks an answer that refuses the access token and says nothing about the message. */
export const TOKEN_REFUSED = Symbol("token refused");

/** Outcome of a message that was not sent. */
export function notSent({ recipient }: RequestFacts, { code, detail, retryAfterMs }: NotSent): RecipientOutcome {
  return failureOutcome(code, { recipient, detail, retryAfterMs });
}

/**
 * Reads one result as an outcome.
 *
 * @param token Access token of the request; redacted in the outcome.
 * @param now Milliseconds since the epoch.
 */
export function readResult(
  result: HttpResult,
  request: RequestFacts,
  token: string,
  now: number,
): RecipientOutcome | typeof TOKEN_REFUSED {
  const { recipient } = request;
  if (result.kind === "failure") {
    const { code, detail, sentAt, written } = result;
    const facts = { recipient, detail, sentAt };
    return written ? ambiguousOutcome(code, facts) : failureOutcome(code, facts);
  }
  const { status, sentAt } = result;
  if (status >= 200 && status < 300) return readAccepted(result, recipient, token);
  const failure = failureOf(result, request, token);
  if (isAboutAccessToken(failure)) return TOKEN_REFUSED;
  const { code, json } = failure;
  const service = { ...answerOf(result, token), ...failure.service };
  return failureOutcome(code, {
    recipient,
    sentAt,
    service,
    retryAfterMs:
      outcomeKindFor(code) === "retryable" ? readRetryAfter(result.headers["retry-after"], json, now) : undefined,
    ...(outcomeKindFor(code) === "rejected" ? { detail: failure.detail ?? service.description } : {}),
  });
}

/**
 * Reads a status of success. Only a complete 200 in JSON is an acceptance: an answer that was cut off, a proxy's page or another 2xx, which
 * this service does not send, is ambiguous.
 */
function readAccepted(answered: HttpAnswer, recipient: string, token: string): RecipientOutcome {
  const { body, incomplete, sentAt, status } = answered;
  const doubt = (code: ErrorCode, detail: string): RecipientOutcome => {
    const service = unreadAnswerOf(answered, token);
    const outcome = ambiguousOutcome(code, { recipient, sentAt, service, detail });
    return incomplete === undefined ? { ...outcome, answered: true } : outcome;
  };
  if (status !== 200) return doubt("unexpected-status", `status ${status} is none that this service answers with`);
  if (incomplete !== undefined) return doubt(incomplete.code, incomplete.detail);
  let answer: unknown;
  try {
    answer = parseBoundedJson(body);
  } catch {
    return doubt("invalid-response", body.trim() === "" ? "the answer is empty" : "the answer is not JSON");
  }
  if (!isJsonObject(answer)) return doubt("invalid-response", "the answer is not an object");
  const { name, error } = answer;
  if (name === undefined && error !== undefined) {
    return doubt(
      "invalid-response",
      "the answer's status says that the message was taken, and its text that it was not",
    );
  }
  const service = statusOf(answered);
  // one literal each and no spread, which costs several microseconds
  return typeof name === "string"
    ? { kind: "accepted", recipient, attempts: 1, sentAt, service, messageId: serviceText(name) }
    : { kind: "accepted", recipient, attempts: 1, sentAt, service }; // of a device group
}

/** Outcome when the service refuses a renewed access token as well. */
export function refusedToken(answer: HttpAnswer, request: RequestFacts, token: string): RecipientOutcome {
  const { recipient } = request;
  const { sentAt } = answer;
  const failure = failureOf(answer, request, token);
  const service = { ...answerOf(answer, token), ...failure.service };
  const detail =
    "The service refuses the access token, a new one too: check that the credential belongs to this project and may send messages.";
  return failureOutcome(failure.code, { recipient, sentAt, service, detail });
}

function failureOf({ status, body }: HttpAnswer, { message }: RequestFacts, token: string): FcmV1Failure {
  return readFailure(status, body, recipientKindOf(message.target), () => hasOtherFault(message), token);
}

/** True if the service as a whole is overloaded: a 429 about one device or topic does not say so. */
export function isOverload(status: number, body: string): boolean {
  if (status === 503) return true;
  const noOtherFault = (): boolean => false;
  // of whom the 429 speaks is not known here: as if of a device, and as if of a topic
  return (
    status === 429 &&
    readFailure(status, body, "device", noOtherFault).code === "quota-exceeded" &&
    readFailure(status, body, "topic", noOtherFault).code === "quota-exceeded"
  );
}

/** True if an answer that does not refuse the token proves that it is valid: an overloaded front end has not checked it. */
export function isPastAuthentication(result: HttpResult): boolean {
  return result.kind === "answer" && result.status < 429;
}

/** Outcome when a token that was replaced seconds ago is refused as well: possibly a revocation, so that renewals are rate-limited. */
export function tooSoon(retryAfterMs: number): NotSent {
  const detail = "the service refused the access token, and it was replaced only seconds ago";
  return { code: "unavailable", detail, retryAfterMs };
}

/** Reasons for which a wait for the project's quota ended without a permit. */
export const WITHOUT_QUOTA: Readonly<Record<"timeout" | "closed" | "aborted" | "expired", NotSent>> = {
  aborted: { code: "aborted", detail: "the signal was aborted" },
  expired: { code: "expired", detail: "its time to live passed while it waited for the project's quota" },
  timeout: { code: "timeout", detail: "the project's quota left no room in time" },
  closed: { code: "closed", detail: "the sender was closed while the message waited for the project's quota" },
};
