import type { DownstreamMessage, ErrorCode, RecipientOutcome, ServiceAnswer } from "@cloud-messaging/core";
import { failureOutcome, serviceText } from "@cloud-messaging/core/transport";
import {
  type AckFrame,
  encodeGcmOptions,
  errorCodeFor,
  type NackFrame,
  narrowErrorCode,
} from "@cloud-messaging/core/wire";
import type { StanzaError } from "../xmpp/stanza.ts";
import { xmlSafeJson, xmlSafeString } from "../xmpp/xml-text.ts";

/** Writes the JSON of a message for one recipient after the other; what they share is written once. */
export function downstreamJsonWriter(message: DownstreamMessage): (recipient: string, messageId: string) => string {
  const options = {
    ...encodeGcmOptions(message),
    ...(message.deliveryReceiptRequested ? { delivery_receipt_requested: true } : {}),
  };
  const { target } = message;
  const field = "condition" in target ? "condition" : "to";
  if (!("tokens" in target) || target.tokens.length === 1) {
    return (recipient, messageId) => xmlSafeJson({ [field]: recipient, message_id: messageId, ...options });
  }
  const shared = xmlSafeJson(options);
  const rest = shared === "{}" ? "}" : `,${shared.slice(1)}`;
  return (recipient, messageId) => `{"to":${xmlSafeString(recipient)},"message_id":${xmlSafeString(messageId)}${rest}`;
}

/** What is known of the write that was answered. */
export interface AnsweredWrite {
  readonly recipient: string;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** What an ack means for the recipient. */
export function ackOutcome(ack: AckFrame, { recipient, sentAt }: AnsweredWrite): RecipientOutcome {
  const { messageId, canonicalRegistrationId, group } = ack;
  if (group !== undefined && group.success === 0 && group.failure > 0) {
    const failed = failureOutcome("group-failed", { recipient, sentAt });
    return failed.kind === "rejected" ? { ...failed, group } : failed;
  }
  return {
    kind: "accepted",
    recipient,
    attempts: 1,
    sentAt,
    messageId,
    ...(canonicalRegistrationId === undefined ? {} : { canonicalRegistrationId }),
    ...(group === undefined ? {} : { group }),
  };
}

/** The code of a nack. CCS says `BAD_REGISTRATION` for two things: only its words tell a broken token from another sender's. */
export function nackCode({ error, description }: NackFrame): ErrorCode {
  return narrowErrorCode(errorCodeFor("ccs", error), description);
}

/** A nack without what must not be repeated. */
export function redacted(nack: NackFrame, withoutSecrets: (text: string) => string): NackFrame {
  const { error, description } = nack;
  return {
    ...nack,
    error: withoutSecrets(error),
    ...(description === undefined ? {} : { description: withoutSecrets(description) }),
  };
}

/** What a nack means for the recipient. */
export function nackOutcome(nack: NackFrame, code: ErrorCode, { recipient, sentAt }: AnsweredWrite): RecipientOutcome {
  const service: ServiceAnswer = {
    error: serviceText(nack.error),
    ...(nack.description === undefined ? {} : { description: serviceText(nack.description) }),
  };
  return failureOutcome(code, { recipient, sentAt, service });
}

/** What a stanza error means for the recipient of the message it is about. */
export function stanzaErrorOutcome(error: StanzaError, { recipient, sentAt }: AnsweredWrite): RecipientOutcome {
  return failureOutcome(error.passing ? "unavailable" : narrowErrorCode("stanza-error", error.text), {
    recipient,
    sentAt,
    service: {
      error: error.condition,
      ...(error.code === undefined ? {} : { status: error.code }),
      ...(error.text === undefined ? {} : { description: error.text }),
    },
  });
}
