import { randomInt } from "node:crypto";
import type { ErrorCode, RecipientOutcome } from "@cloud-messaging/core";
import { legacyWordFor } from "@cloud-messaging/core/wire";
import { SendError } from "./send-error.ts";
import type { IResponseBody } from "./typings.ts";

/** Result of one token in a response. */
type TokenResult = NonNullable<IResponseBody["results"]>[number];

/**
 * Response of a send. Its fields depend on the recipient: counts and `results` for tokens, `message_id` or `error` for a topic
 * or condition, counts and `failed_registration_ids` for a device group.
 */
export interface Response {
  /** To tokens. Text where a number cannot hold every digit. */
  readonly multicast_id?: number | string | undefined;
  readonly success?: number | undefined;
  readonly failure?: number | undefined;
  readonly canonical_ids?: number | undefined;
  /** One per token, by position: `message_id`, with the token to use from now on in `registration_id`, or `error`. */
  readonly results?: IResponseBody["results"];
  /** To a topic or condition. Text where a number cannot hold every digit. */
  readonly message_id?: number | string | undefined;
  readonly error?: string | undefined;
  /** To a device group. */
  readonly failed_registration_ids?: readonly string[] | undefined;
}

/** Failure of a whole send: the HTTP status, as in node-gcm, or an `Error` without an answer. */
export type Failure = number | Error;

/** Result of a send, for the callback and the promise. */
export type Settled =
  | { readonly failure: unknown }
  | { readonly response: Response; readonly tokens: readonly string[] };

/** Codes of refusals of the whole send. */
const OF_THE_WHOLE: ReadonlySet<ErrorCode> = new Set(["authentication-failed", "permission-denied", "endpoint-gone"]);

/**
 * Converts the outcomes of a send to node-gcm's form: a failure of the whole send, or a response.
 *
 * @param toTokens The response has one result per recipient.
 * @param perRecipient Each recipient had an HTTP answer of its own (v1), so that a status does not apply to the others.
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
  if (code === "invalid-response") {
    // 400, as in node-gcm for an empty answer: neither its retries nor those of programs repeat it
    return new SendError(
      400,
      `The service's answer (status ${status}) cannot be read: ${detail ?? "it is none of its own"}. The message may have been accepted.`,
    );
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

function resultOf(outcome: RecipientOutcome, perRecipient: boolean): TokenResult {
  if (outcome.kind !== "accepted") return { error: wordOf(outcome, perRecipient) };
  const { messageId = "", canonicalRegistrationId } = outcome;
  return {
    message_id: bareId(messageId),
    ...(canonicalRegistrationId === undefined ? {} : { registration_id: canonicalRegistrationId }),
  };
}

/** Error word of the service, else that of GCM. */
function wordOf(
  { kind, code, service }: Exclude<RecipientOutcome, { kind: "accepted" }>,
  perRecipient: boolean,
): string {
  if (!perRecipient && service?.status === 200 && service.error !== undefined) return service.error;
  return legacyWordFor("gcmHttp", code, kind);
}

function multicastIdOf(outcomes: readonly RecipientOutcome[]): number | string {
  const given = outcomes.find(({ service }) => service?.multicastId !== undefined)?.service?.multicastId;
  // absent in v1; programs expect one
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
  const id = bareId(messageId);
  // numeric, as in the legacy protocol: of v1's `0:1500415314455276%31bd1c9631bd1c96` the part that is one
  const digits = (perRecipient ? /^(?:\d+:)?(\d+)(?:%[0-9a-f]*)?$/i : /^(\d+)$/).exec(id)?.[1];
  return { message_id: digits === undefined ? id : numberOrText(digits) };
}

/** Message ID without the path prefix of v1. */
function bareId(messageId: string): string {
  return messageId.slice(messageId.lastIndexOf("/") + 1);
}

/** Number where it is exact, as in node-gcm; else text with every digit. */
function numberOrText(digits: string): number | string {
  return String(Number(digits)) === digits && Number.isSafeInteger(Number(digits)) ? Number(digits) : digits;
}
