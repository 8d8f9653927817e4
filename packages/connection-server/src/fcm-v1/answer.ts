import type { ErrorCode } from "@cloud-messaging/core";
import { defined } from "@cloud-messaging/core/transport";
import {
  APNS_ERROR_TYPE,
  BAD_REQUEST_TYPE,
  errorCodeFor,
  FCM_ERROR_TYPE,
  QUOTA_FAILURE_TYPE,
  wireStringFor,
} from "@cloud-messaging/core/wire";
import type { HttpAnswer } from "../http/route.ts";
import type { Refusal } from "../service.ts";
import type { FieldViolation } from "./proto-json.ts";

/** One failure as v1 writes it. */
interface Failure {
  readonly http: number;
  readonly status: string;
  /** Absent where Google's front end answers, before FCM is asked. */
  readonly errorCode?: string;
  readonly message: string;
  readonly details?: readonly object[];
}

const INVALID: Omit<Failure, "message"> = { http: 400, status: "INVALID_ARGUMENT", errorCode: "INVALID_ARGUMENT" };
const QUOTA: Omit<Failure, "message"> = { http: 429, status: "RESOURCE_EXHAUSTED", errorCode: "QUOTA_EXCEEDED" };

const EXPECTED = "Expected OAuth 2 access token, login cookie or other valid authentication credential.";
const MISSING_TOKEN = "Request is missing required authentication credential";

/** Every failure that has a form of its own; the others are a 400 with v1's word, if it has one, and the reason in words. */
const FAILURES: Readonly<Partial<Record<ErrorCode, Failure>>> = {
  "invalid-registration": { ...INVALID, message: "The registration token is not a valid FCM registration token" },
  "not-registered": {
    http: 404,
    status: "NOT_FOUND",
    errorCode: "UNREGISTERED",
    message: "Requested entity was not found.",
  },
  "mismatch-sender-id": {
    http: 403,
    status: "PERMISSION_DENIED",
    errorCode: "SENDER_ID_MISMATCH",
    message: "SenderId mismatch",
  },
  "permission-denied": {
    http: 403,
    status: "PERMISSION_DENIED",
    message: "Permission 'cloudmessaging.messages.create' denied on resource (or it may not exist).",
  },
  "authentication-failed": {
    http: 401,
    status: "UNAUTHENTICATED",
    message: `Request had invalid authentication credentials. ${EXPECTED}`,
  },
  "invalid-apns-credential": {
    http: 401,
    status: "UNAUTHENTICATED",
    errorCode: "THIRD_PARTY_AUTH_ERROR",
    message: "Auth error from APNS or Web Push Service",
    details: [{ "@type": APNS_ERROR_TYPE, statusCode: 403, reason: "InvalidProviderToken" }],
  },
  "endpoint-gone": { http: 404, status: "NOT_FOUND", message: "Requested entity was not found." },
  "quota-exceeded": { ...QUOTA, message: "Quota exceeded for quota metric 'Messages sent' of the project." },
  "device-message-rate-exceeded": { ...QUOTA, message: "Message rate exceeded for this device." },
  "topics-message-rate-exceeded": { ...QUOTA, message: "Message rate exceeded for this topic." },
  unavailable: {
    http: 503,
    status: "UNAVAILABLE",
    errorCode: "UNAVAILABLE",
    message: "The service is currently unavailable.",
  },
  "internal-error": {
    http: 500,
    status: "INTERNAL",
    errorCode: "INTERNAL",
    message: "Internal error encountered.",
  },
};

/** A refusal as v1 writes it. */
export function refusalAnswer({ code, word, detail, retryAfter }: Refusal): HttpAnswer {
  // a fault may name v1's own word
  const meant = word === undefined ? code : errorCodeFor("fcmV1", word);
  const failure = FAILURES[meant] ?? {
    ...INVALID,
    errorCode: wireStringFor("fcmV1", meant) ?? "INVALID_ARGUMENT",
    message: detail ?? word ?? code,
  };
  const quota = failure.http === 429 && meant === "quota-exceeded";
  const details = quota ? [{ "@type": QUOTA_FAILURE_TYPE, violations: [{ subject: "project" }] }] : failure.details;
  const answer = failureAnswer({ ...failure, ...defined({ details }) });
  return retryAfter === undefined ? answer : { ...answer, headers: { "retry-after": retryAfter } };
}

/** 401 of the front end: there is no access token, or no good one. */
export function unauthenticatedAnswer(token: "missing" | "invalid"): HttpAnswer {
  const failure = FAILURES["authentication-failed"] as Failure;
  return failureAnswer(token === "invalid" ? failure : { ...failure, message: `${MISSING_TOKEN}. ${EXPECTED}` });
}

/** 400 that names fields, as the front end writes it: without an `FcmError`. */
export function badFieldsAnswer(message: string, violations: readonly FieldViolation[]): HttpAnswer {
  const details = [{ "@type": BAD_REQUEST_TYPE, fieldViolations: violations }];
  return failureAnswer({ http: 400, status: "INVALID_ARGUMENT", message, details });
}

/** 400 of FCM itself, with the fields that it is about, where it is about some. */
export function invalidArgumentAnswer(message: string, violations: readonly FieldViolation[] = []): HttpAnswer {
  const details = violations.length === 0 ? [] : [{ "@type": BAD_REQUEST_TYPE, fieldViolations: violations }];
  return failureAnswer({ ...INVALID, message, details });
}

/** Any of Google's errors. */
export function failureAnswer({ http, status, errorCode, message, details = [] }: Failure): HttpAnswer {
  const fcm = errorCode === undefined ? [] : [{ "@type": FCM_ERROR_TYPE, errorCode }];
  const all = [...fcm, ...details];
  const error = { code: http, message, status, ...(all.length > 0 ? { details: all } : {}) };
  return { status: http, body: JSON.stringify({ error }, undefined, 2) };
}
