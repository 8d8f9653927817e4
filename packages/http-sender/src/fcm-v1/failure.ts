import type { ErrorCode } from "@cloud-messaging/core";
import { defined, outcomeKindFor, type ServiceAnswer, serviceText } from "@cloud-messaging/core/transport";
import {
  APNS_ERROR_TYPE,
  BAD_REQUEST_TYPE,
  errorCodeFor,
  errorCodeForHttpStatus,
  FCM_ERROR_TYPE,
  type FcmV1ErrorDetail,
  FcmV1ErrorResponseSchema,
  narrowErrorCode,
} from "@cloud-messaging/core/wire";
import { readErrorBody } from "../common/error-body.ts";
import { narrowQuota, type RecipientKind } from "./quota-failure.ts";

/** Contents of an error answer. */
export interface FcmV1Failure {
  readonly code: ErrorCode;
  readonly service: ServiceAnswer;
  /** Text in place of the action in the error table, where that would mislead. */
  readonly detail?: string;
  /** The JSON of the answer, for its `google.rpc.RetryInfo`. */
  readonly json?: unknown;
}

/** Anchored at the start: further in, the text may repeat a value of the message. */
const ABOUT_TOKEN =
  /^\s*(?:(?:The |This )?(?:FCM )?(?:registration token|installation id|fid)(?: provided)? is (?:not (?:a )?valid\b|invalid\b)|(?:Invalid|Not a valid) (?:FCM )?(?:registration token|installation id|fid)\b)/i;
const TOKEN_FIELD = /^message\.(?:token|fid)$/;
/** Text about the APNs token behind the registration token; only a 410 proves that it is unregistered. */
const ABOUT_APNS_TOKEN = /^\s*APNs device token is /i;
const APNS_TOKEN_REASONS: ReadonlySet<string | undefined> = new Set(["BadDeviceToken", "DeviceTokenNotForTopic"]);

/**
 * Reads an error answer in the order the reference asks for: the `FcmError` detail, then `error.status`, then the HTTP status.
 *
 * A device is reported gone on `UNREGISTERED`, on an `INVALID_ARGUMENT` that is about the token where nothing else can be the reason, and
 * on an APNs 410, and on nothing else: neither a bare 404 nor any other `INVALID_ARGUMENT` removes a token.
 *
 * Source: docs/protocol/fcm-v1.md#errors
 *
 * @param hasOtherFault Called only when the text is about the token.
 * @param secret Redacted in the service's text: a proxy's error page may repeat the request.
 */
export function readFailure(
  status: number,
  body: string,
  recipient: RecipientKind,
  hasOtherFault: () => boolean,
  secret = "",
): FcmV1Failure {
  const { json, description } = readErrorBody(body, secret);
  // redacted where text is shown, not where it is read: a short secret may equal a word of the service
  const error = json === undefined ? { ...NOT_JSON, message: readErrorBody(body, "").description } : readError(json);
  const { details } = error;
  const fcm = details.find((detail) => detail["@type"] === FCM_ERROR_TYPE && detail.errorCode !== undefined)?.errorCode;
  const apns = details.find((detail) => detail["@type"] === APNS_ERROR_TYPE);
  const word = fcm ?? error.status;
  const said = describe(json === undefined ? description : error.message, apns, secret);
  const service: ServiceAnswer = {
    status,
    ...defined({ error: word === undefined ? undefined : serviceText(word, [secret]), description: said || undefined }),
  };
  const code = codeOf(fcm, error.status, status);

  if (recipient !== "topic" && apns?.statusCode === 410) {
    return { code: "not-registered", service };
  }
  const doubt = code === "invalid-argument" && recipient === "device" ? doubtOf(error.message, details, apns) : "none";
  if (doubt === "bad" && !hasOtherFault()) return { code: "invalid-registration", service };
  if (doubt !== "none") {
    return {
      code: "suspect-registration",
      service,
      detail:
        "The service speaks of the token, and something else may be the reason: the message's apns or webpush block, its size, a package. The token was kept.",
    };
  }
  if (code === "invalid-argument") return { code: narrowed(error.message), service };
  if (code === "not-registered" && recipient === "topic") return { code: "invalid-argument", service };
  if (code === "endpoint-gone") {
    return {
      code,
      service,
      detail:
        "The service knows no such project or address: check projectId and endpoint. No token was removed for it.",
    };
  }
  if (code === "quota-exceeded") return { code: narrowQuota(details, error.message, recipient), service, json };
  return { code, service, json };
}

/** Narrows `invalid-argument` by the text of the error. Never to a code about the token, which text alone does not prove. */
function narrowed(message: string | undefined): ErrorCode {
  const code = narrowErrorCode("invalid-argument", message);
  return outcomeKindFor(code) === "rejected" ? code : "invalid-argument";
}

/** True if an answer refuses the access token only: a new one may be accepted. */
export function isAboutAccessToken(failure: FcmV1Failure): boolean {
  return failure.code === "authentication-failed";
}

interface ReadError {
  readonly message: string | undefined;
  readonly status: string | undefined;
  readonly details: readonly FcmV1ErrorDetail[];
}

const NOT_JSON = { status: undefined, details: [] } as const;

function readError(json: unknown): ReadError {
  const parsed = FcmV1ErrorResponseSchema.safeParse(json);
  if (!parsed.success) return { ...NOT_JSON, message: undefined };
  const { error } = parsed.data;
  if (typeof error === "string") return { ...NOT_JSON, message: error };
  return { message: error.message, status: error.status, details: error.details ?? [] };
}

function codeOf(fcm: string | undefined, status: string | undefined, httpStatus: number): ErrorCode {
  return knownCode(fcm) ?? knownCode(status) ?? errorCodeForHttpStatus(httpStatus);
}

/** Code of a word in the error table; for `UNSPECIFIED_ERROR` and unknown words the HTTP status decides. */
function knownCode(word: string | undefined): ErrorCode | undefined {
  if (word === undefined) return undefined;
  const code = errorCodeFor("fcmV1", word);
  return code === "internal-error" && word !== "INTERNAL" ? undefined : code;
}

/** Verdict of an `INVALID_ARGUMENT` on the token. */
function doubtOf(
  message: string | undefined,
  details: readonly FcmV1ErrorDetail[],
  apns: FcmV1ErrorDetail | undefined,
): "bad" | "suspect" | "none" {
  const fields = details
    .filter((detail) => detail["@type"] === BAD_REQUEST_TYPE)
    .flatMap(({ fieldViolations = [] }) => fieldViolations.flatMap(({ field }) => field ?? []));
  // field names take precedence over text
  const saysBad =
    fields.length === 0 ? ABOUT_TOKEN.test(message ?? "") : fields.some((field) => TOKEN_FIELD.test(field));
  if (saysBad) return apns === undefined && fields.every((field) => TOKEN_FIELD.test(field)) ? "bad" : "suspect";
  return ABOUT_APNS_TOKEN.test(message ?? "") || APNS_TOKEN_REASONS.has(apns?.reason) ? "suspect" : "none";
}

function describe(message: string | undefined, apns: FcmV1ErrorDetail | undefined, secret: string): string {
  const said = apns === undefined ? undefined : `APNs: ${[apns.statusCode, apns.reason].filter(Boolean).join(" ")}`;
  return serviceText([message, said].filter(Boolean).join(" – "), [secret]);
}
