import { GCM_NAMESPACE } from "@cloud-messaging/core/wire";
import { childOf, type MessageStanza, NAMESPACE, type XmlElement } from "./stanza-reader.ts";
import { escapeXmlAttribute, xmlSafeString } from "./xml-text.ts";

/** Contents of a stanza error. */
export interface StanzaError {
  /** IDs of the message that it may refer to: the stanza's ID first, then that of the echoed message. */
  readonly messageIds: readonly string[];
  /** True for a temporary error (type `wait`). Source: RFC 6120, section 8.3.2 */
  readonly passing: boolean;
  /** Legacy numeric code, `400` or `406` in captures. */
  readonly code: number | undefined;
  /** Name of the condition, for example `bad-request`. */
  readonly condition: string;
  readonly text: string | undefined;
}

/** Serializes a downstream message. The stanza ID equals the message ID, so that a stanza error can be correlated. */
export function messageStanza(messageId: string, safeJson: string): string {
  return `<message id="${escapeXmlAttribute(messageId)}"><gcm xmlns="${GCM_NAMESPACE}">${safeJson}</gcm></message>`;
}

/** Serializes the ack of an upstream message or a receipt. */
export function ackStanza(to: string, messageId: string): string {
  const json = `{"to":${xmlSafeString(to)},"message_id":${xmlSafeString(messageId)},"message_type":"ack"}`;
  return `<message><gcm xmlns="${GCM_NAMESPACE}">${json}</gcm></message>`;
}

/** Serializes an XEP-0199 ping. */
export function pingStanza(id: string): string {
  return `<iq type="get" id="${id}"><ping xmlns="${NAMESPACE.ping}"/></iq>`;
}

/** Serializes the answer to an IQ request: a pong, or `service-unavailable`. Returns `undefined` if it is not a request. */
export function iqAnswer(iq: XmlElement): string | undefined {
  const { id, from, type } = iq.attributes;
  if (iq.name !== "iq" || (type !== "get" && type !== "set")) return undefined;
  const address = `id="${escapeXmlAttribute(id ?? "")}"${from === undefined ? "" : ` to="${escapeXmlAttribute(from)}"`}`;
  if (type === "get" && childOf(iq, "ping", NAMESPACE.ping) !== undefined) return `<iq type="result" ${address}/>`;
  return `<iq type="error" ${address}><error type="cancel"><service-unavailable xmlns="${NAMESPACE.stanzaErrors}"/></error></iq>`;
}

/** Reads a `<message type="error">`. Its `<gcm>` is an echo of our own message, from which only the ID is read. */
export function readStanzaError(stanza: MessageStanza, redact: (text: string) => string): StanzaError {
  const { error } = stanza;
  const code = Number(error?.attributes["code"]);
  const condition = error?.children.find(
    ({ namespace, name }) => namespace === NAMESPACE.stanzaErrors && name !== "text",
  );
  const text = error === undefined ? undefined : childOf(error, "text", NAMESPACE.stanzaErrors)?.text.trim();
  return {
    messageIds: [stanza.id, echoedMessageId(stanza.gcm)].flatMap((id) => id || []),
    passing: error?.attributes["type"] === "wait",
    code: Number.isInteger(code) ? code : undefined,
    condition: redact(condition?.name ?? "undefined-condition"),
    text: text ? redact(text) : undefined,
  };
}

function echoedMessageId(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  try {
    const { message_id: id, message_type: type } = JSON.parse(json) as { message_id?: unknown; message_type?: unknown };
    // not of an echoed ack: its ID was chosen by a device and may equal one of ours
    return typeof id === "string" && type === undefined ? id : undefined;
  } catch {
    return undefined;
  }
}
