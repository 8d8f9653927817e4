import type { DownstreamMessage, ErrorCode, RecipientOutcome } from "@cloud-messaging/core";
import { defined, failureOutcome, type ServiceAnswer, serviceText } from "@cloud-messaging/core/transport";
import {
  type AckFrame,
  encodeGcmOptions,
  errorCodeFor,
  type GcmOptions,
  type NackFrame,
  narrowErrorCode,
} from "@cloud-messaging/core/wire";
import type { StanzaError } from "../xmpp/stanza.ts";
import { xmlSafeJson, xmlSafeString } from "../xmpp/xml-text.ts";

/**
 * Creates a writer of a message's JSON per recipient. Serializes the part that all share once, and apart from the address: an object of
 * both, spread together for each recipient, costs more than its JSON.
 */
export function downstreamJsonWriter(message: DownstreamMessage): (recipient: string, messageId: string) => string {
  const options: GcmOptions & { delivery_receipt_requested?: true } = encodeGcmOptions(message);
  if (message.deliveryReceiptRequested) options.delivery_receipt_requested = true;
  const shared = xmlSafeJson(options);
  const rest = shared === "{}" ? "}" : `,${shared.slice(1)}`;
  const { target } = message;
  const field = "condition" in target ? "condition" : "to";
  const topic = "topic" in target ? `/topics/${target.topic}` : undefined;
  return (recipient, messageId) =>
    `{"${field}":${xmlSafeString(topic ?? recipient)},"message_id":${xmlSafeString(messageId)}${rest}`;
}

/** Facts about the answered write. */
export interface AnsweredWrite {
  readonly recipient: string;
  /** Time of the write. Unit: milliseconds since the epoch. */
  readonly sentAt: number;
}

/** Converts an ack to an outcome. */
export function ackOutcome(ack: AckFrame, { recipient, sentAt }: AnsweredWrite): RecipientOutcome {
  const { messageId, group } = ack;
  const canonicalRegistrationId = ack.canonicalRegistrationId === recipient ? undefined : ack.canonicalRegistrationId;
  if (group !== undefined && group.success === 0 && group.failure > 0) {
    const failed = failureOutcome("group-failed", { recipient, sentAt });
    return failed.kind === "rejected" ? { ...failed, group } : failed;
  }
  const accepted = { kind: "accepted", recipient, attempts: 1, sentAt, messageId } as const;
  // nearly every ack has neither
  return canonicalRegistrationId === undefined && group === undefined
    ? accepted
    : { ...accepted, ...defined({ canonicalRegistrationId, group }) };
}

/** Returns the error code of a nack. `BAD_REGISTRATION` has two meanings; the description tells a malformed token from another sender's. */
export function nackCode({ error, description }: NackFrame): ErrorCode {
  return narrowErrorCode(errorCodeFor("ccs", error), description);
}

/** Returns the nack with secrets redacted. */
export function redacted(nack: NackFrame, redact: (text: string) => string): NackFrame {
  const { error, description } = nack;
  return {
    ...nack,
    error: redact(error),
    ...defined({ description: description && redact(description) }),
  };
}

/** Converts a nack to an outcome. */
export function nackOutcome(nack: NackFrame, code: ErrorCode, { recipient, sentAt }: AnsweredWrite): RecipientOutcome {
  const service: ServiceAnswer = {
    error: serviceText(nack.error),
    ...defined({ description: nack.description && serviceText(nack.description) }),
  };
  return failureOutcome(code, { recipient, sentAt, service });
}

/** Converts a stanza error to an outcome of the message it refers to. */
export function stanzaErrorOutcome(error: StanzaError, { recipient, sentAt }: AnsweredWrite): RecipientOutcome {
  return failureOutcome(error.passing ? "unavailable" : narrowErrorCode("stanza-error", error.text), {
    recipient,
    sentAt,
    service: {
      error: error.condition,
      ...defined({ status: error.code, description: error.text }),
    },
  });
}
