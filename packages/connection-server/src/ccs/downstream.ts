import type { ErrorCode } from "@cloud-messaging/core";
import { type CcsDownstream, CcsDownstreamSchema, decodeGcmData, isPlainGcmRequest } from "@cloud-messaging/core/wire";
import { checkMessage } from "../gcm/check-message.ts";
import {
  conditionAddress,
  type GcmEnvelope,
  isPriority,
  toIncoming,
  typeProblem,
  withNumericTtl,
} from "../gcm/message.ts";
import type { Address, ProtocolRules } from "../service.ts";
import type { ReadDownstream } from "./options.ts";

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
  const numeric = lenientNumbers ? withNumericTtl(value) : value;
  // it has a message_id
  const parsed = isPlainGcmRequest(numeric)
    ? { data: numeric as CcsDownstream }
    : CcsDownstreamSchema.safeParse(numeric);
  if (parsed.data === undefined) return refused(`JSON_TYPE_ERROR : ${typeProblem(parsed.error.issues[0], value)}`);
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
  const data = decodeGcmData(fields.data);
  const message = toIncoming(fields, data, condition ?? to, address, envelope, rules);
  const wrong = checkMessage(data, fields.time_to_live);
  if (wrong === undefined) return { message };
  return { message, refusal: { ...wrong, word: "INVALID_JSON", detail: `InvalidJson: ${wrong.detail}` } };
}

function addressOf(to: string): Address {
  return to.startsWith("/topics/")
    ? { kind: "topic", topic: to.slice("/topics/".length) }
    : { kind: "token", token: to, orGroup: true };
}
