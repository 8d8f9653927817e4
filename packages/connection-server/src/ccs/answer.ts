import type { ErrorCode } from "@cloud-messaging/core";
import { legacyWordFor } from "@cloud-messaging/core/wire";
import type { Decision, Refusal } from "../service.ts";

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
  return legacyWordFor("ccs", code);
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
