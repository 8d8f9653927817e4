import type { Address, Decision, IncomingMessage, ProtocolRules, Refusal } from "@cloud-messaging/connection-server";
import {
  checkMessage,
  conditionAddress,
  type GcmEnvelope,
  isPriority,
  stringData,
  toIncoming,
  typeProblem,
  withNumericTtl,
} from "@cloud-messaging/connection-server";
import type { ErrorCode } from "@cloud-messaging/core";
import { CcsDownstreamSchema, legacyWordFor } from "@cloud-messaging/core/wire";

/** A downstream message as it came over CCS, and what is wrong with it. */
export interface ReadDownstream {
  readonly message: IncomingMessage;
  readonly refusal?: Refusal;
}

/** Reads the JSON of a downstream message that has a `message_id`. Whatever is wrong becomes an `INVALID_JSON` nack. */
export function readDownstream(
  value: Readonly<Record<string, unknown>>,
  envelope: GcmEnvelope,
  rules: ProtocolRules,
  lenientNumbers: boolean,
): ReadDownstream {
  const to = typeof value["to"] === "string" ? value["to"] : "";
  const refused = (detail: string, code: ErrorCode = "invalid-argument"): ReadDownstream => ({
    message: toIncoming({}, {}, to, { kind: "token", token: to }, envelope, rules),
    refusal: { kind: "refused", code, word: "INVALID_JSON", detail: `InvalidJson: ${detail}` },
  });
  const messageType = value["message_type"];
  if (messageType !== undefined) return refused(`unknown message_type: ${JSON.stringify(messageType).slice(0, 50)}`);
  const parsed = CcsDownstreamSchema.safeParse(lenientNumbers ? withNumericTtl(value) : value);
  if (!parsed.success) return refused(`JSON_TYPE_ERROR : ${typeProblem(parsed.error.issues[0], value)}`);
  const fields = parsed.data;
  if (value["registration_ids"] !== undefined) {
    return refused("JSON_PARSING_ERROR : registration_ids is not supported: use to");
  }
  if (!isPriority(fields.priority)) return refused('invalid value for "priority": must be "normal" or "high"');
  const condition = rules.conditions ? fields.condition : undefined;
  if (to === "" && condition === undefined) {
    return refused("JSON_PARSING_ERROR : Missing Required Field: to", "missing-registration");
  }
  if (to !== "" && condition !== undefined) return refused('must use either "to" or "condition", not both');
  const address = condition === undefined ? addressOf(to) : conditionAddress(condition);
  if ("problem" in address) return refused(address.problem);
  if (address.kind === "topic" && !rules.topics) return refused("topics are not supported");
  const data = stringData(fields.data);
  const message = toIncoming(
    fields,
    data,
    condition ?? to,
    address,
    { ...envelope, receiptRequested: fields.delivery_receipt_requested },
    rules,
  );
  const wrong = checkMessage(data, fields.time_to_live);
  if (wrong === undefined) return { message };
  return { message, refusal: { ...wrong, word: "INVALID_JSON", detail: `InvalidJson: ${wrong.detail}` } };
}

function addressOf(to: string): Address {
  return to.startsWith("/topics/")
    ? { kind: "topic", topic: to.slice("/topics/".length) }
    : { kind: "token", token: to, orGroup: true };
}

/** An ack or a nack, as JSON in the order of keys that was seen live. */
export function answerJson(messageId: string, to: string, decision: Decision, rateWord: string): string {
  if (decision.kind === "refused") {
    return JSON.stringify({
      message_type: "nack",
      message_id: messageId,
      from: to,
      error: nackWord(decision, rateWord),
      error_description: decision.detail ?? descriptionOf(decision, to),
    });
  }
  const { canonicalToken, group } = decision;
  return JSON.stringify({
    message_type: "ack",
    from: to,
    message_id: messageId,
    registration_id: canonicalToken,
    success: group?.success,
    failure: group?.failure,
    failed_registration_ids: group === undefined || group.failed.length === 0 ? undefined : group.failed,
  });
}

function nackWord({ word, code }: Refusal, rateWord: string): string {
  if (word !== undefined) return word;
  if (code === "device-message-rate-exceeded") return rateWord;
  return legacyWordFor("ccs", code) ?? "INTERNAL_SERVER_ERROR";
}

/** The sentence of a nack whose reason was given without words: every nack has one. */
function descriptionOf({ word, code }: Refusal, to: string): string {
  const description = word === undefined ? NACK_DESCRIPTIONS[code] : undefined;
  return description?.(to.slice(0, 100)) ?? `The message was refused: ${word ?? code}`;
}

/** Source: protocol reference, example nack descriptions; the sentences of codes without an example are our choice. */
const NACK_DESCRIPTIONS: Readonly<Partial<Record<ErrorCode, (to: string) => string>>> = {
  "bad-registration": (to) => `Invalid token on 'to' field: ${to}`,
  "invalid-registration": (to) => `Invalid token on 'to' field: ${to}`,
  "not-registered": (to) => `The registration is not active any more: ${to}`,
  "mismatch-sender-id": () => "SenderId mismatch",
  "invalid-package-name": () => "InvalidJson: the registration belongs to another package",
  "device-message-rate-exceeded": () => "Downstream message rate exceeded for this registration id",
  "topics-message-rate-exceeded": () => "Message rate exceeded for this topic",
  "quota-exceeded": () => "Short-term downstream quota exceeded for this registration id",
  unavailable: () => "Service is not available at the moment, try again later",
  "internal-error": () => "Internal server error",
  "connection-draining": () => "The connection is draining",
  "bad-ack": () => "The ack is not formed as it has to be",
};
