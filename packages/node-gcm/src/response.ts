import { randomInt } from "node:crypto";
import { type ErrorCode, type RecipientOutcome, wireStringFor } from "@cloud-messaging/core";

/** One recipient's part of an answer, by position. */
export interface Result {
  readonly message_id?: string;
  /** The token to use from now on. */
  readonly registration_id?: string;
  /** `NotRegistered`, `Unavailable` and so on. */
  readonly error?: string;
}

/** What node-gcm hands to a callback. Which fields there are depends on whom the message went to. */
export interface Response {
  /** To tokens. A number, or text where a number cannot hold every digit of it. */
  readonly multicast_id?: number | string;
  readonly success?: number;
  readonly failure?: number;
  readonly canonical_ids?: number;
  readonly results?: readonly Result[];
  /** To a topic or condition. Over the legacy protocol a number, or text where a number cannot hold every digit of it. */
  readonly message_id?: number | string;
  readonly error?: string;
  /** To a device group. */
  readonly failed_registration_ids?: readonly string[];
}

/** What goes wrong as a whole: the HTTP status, as node-gcm gave it, or an `Error` where there was no answer. */
export type Failure = number | Error;

/** A failure with words. `code` is the HTTP status that node-gcm would have given, or our name of what happened. */
export class SendError extends Error {
  override readonly name = "SendError";
  readonly code: number | ErrorCode;

  constructor(code: number | ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Refused whoever it was for. */
const OF_THE_WHOLE: ReadonlySet<ErrorCode> = new Set(["authentication-failed", "permission-denied", "endpoint-gone"]);

/**
 * What became of a send, in node-gcm's shape: the failure of the whole, or a response.
 *
 * @param perRecipient Each recipient had an HTTP answer of its own (v1), so that a status says nothing about the others.
 */
export function responseOf(
  outcomes: readonly RecipientOutcome[],
  toTokens: boolean,
  perRecipient: boolean,
): { readonly failure: Failure } | { readonly response: Response } {
  const failure = failureOfWhole(outcomes, toTokens, perRecipient);
  if (failure !== undefined) return { failure };
  const [first] = outcomes;
  if (first !== undefined && "group" in first && first.group !== undefined) {
    return { response: groupResponse(first.group) };
  }
  if (!toTokens) return { response: singleResponse(first, perRecipient) };
  return { response: multicastResponse(outcomes, perRecipient) };
}

function failureOfWhole(
  outcomes: readonly RecipientOutcome[],
  toTokens: boolean,
  perRecipient: boolean,
): Failure | undefined {
  const [first] = outcomes;
  if (first === undefined || first.kind === "accepted") return undefined;
  const { code } = first;
  if (!outcomes.every((outcome) => outcome.kind === first.kind && outcome.code === code)) return undefined;
  const status = first.service?.status;
  const detail = "detail" in first ? first.detail : undefined;
  if (status === undefined) {
    const said = detail ?? first.service?.description ?? code;
    return new SendError(code === "authentication-failed" ? 401 : code, said);
  }
  if (perRecipient && toTokens && !OF_THE_WHOLE.has(code)) return undefined;
  return status === 200 ? undefined : status;
}

function multicastResponse(outcomes: readonly RecipientOutcome[], perRecipient: boolean): Response {
  const results = outcomes.map((outcome) => resultOf(outcome, perRecipient));
  const success = results.filter(({ error }) => error === undefined).length;
  return {
    multicast_id: multicastIdOf(outcomes),
    success,
    failure: results.length - success,
    canonical_ids: results.filter(({ registration_id: id }) => id !== undefined).length,
    results,
  };
}

function resultOf(outcome: RecipientOutcome, perRecipient: boolean): Result {
  if (outcome.kind !== "accepted") return { error: wordOf(outcome, perRecipient) };
  const { messageId, canonicalRegistrationId } = outcome;
  return {
    // v1 names a message by its whole path
    message_id: messageId?.slice(messageId.lastIndexOf("/") + 1) ?? "",
    ...(canonicalRegistrationId === undefined ? {} : { registration_id: canonicalRegistrationId }),
  };
}

/** The service's own word, or the one that GCM had for it; what it had none for, and may pass, was `Unavailable` to node-gcm's users. */
function wordOf({ code, service }: Exclude<RecipientOutcome, { kind: "accepted" }>, perRecipient: boolean): string {
  if (!perRecipient && service?.status === 200 && service.error !== undefined) return service.error;
  return wireStringFor("gcmHttp", code) ?? OTHER_WORDS[code] ?? "Unavailable";
}

const OTHER_WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  "bad-registration": "InvalidRegistration",
  // programs delete what is called InvalidRegistration, and this token may be good
  "suspect-registration": "InvalidParameters",
  "request-too-big": "MessageTooBig",
  "authentication-failed": "Unauthorized",
  "permission-denied": "Unauthorized",
};

function multicastIdOf(outcomes: readonly RecipientOutcome[]): number | string {
  const given = outcomes.find(({ service }) => service?.multicastId !== undefined)?.service?.multicastId;
  // v1 has none; programs log it, and expect one
  if (given === undefined) return randomInt(2 ** 47);
  return numberOrText(given);
}

function groupResponse(group: {
  success: number;
  failure: number;
  failedRegistrationIds: readonly string[];
}): Response {
  const { success, failure, failedRegistrationIds: failed } = group;
  return { success, failure, ...(failed.length === 0 ? {} : { failed_registration_ids: failed }) };
}

function singleResponse(outcome: RecipientOutcome | undefined, perRecipient: boolean): Response {
  if (outcome === undefined) return {};
  if (outcome.kind !== "accepted") return { error: wordOf(outcome, perRecipient) };
  const { messageId } = outcome;
  if (messageId === undefined) return {};
  if (perRecipient) return { message_id: messageId.slice(messageId.lastIndexOf("/") + 1) };
  return { message_id: /^\d+$/.test(messageId) ? numberOrText(messageId) : messageId };
}

/** As node-gcm's JSON had it, but for the digits that it lost. */
function numberOrText(digits: string): number | string {
  return String(Number(digits)) === digits && Number.isSafeInteger(Number(digits)) ? Number(digits) : digits;
}
