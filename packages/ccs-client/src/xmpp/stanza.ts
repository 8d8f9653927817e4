import { GCM_NAMESPACE } from "@cloud-messaging/core/wire";
import { childOf, type MessageStanza, NAMESPACE, type XmlElement } from "./stanza-reader.ts";
import { escapeXmlAttribute, xmlSafeString } from "./xml-text.ts";

/** What a stanza error says. */
export interface StanzaError {
  /** IDs of the message it may be about, the likelier one first: that of the stanza, and that of what it echoes. */
  readonly messageIds: readonly string[];
  /** It says of itself that it passes. Source: RFC 6120, section 8.3.2 */
  readonly passing: boolean;
  /** The old numeric code, `400` or `406` in captures. */
  readonly code: number | undefined;
  /** The condition's name, for example `bad-request`. */
  readonly condition: string;
  readonly text: string | undefined;
}

/** A downstream message. The stanza's own `id` is the message's, so that a stanza error finds the message it is about. */
export function messageStanza(messageId: string, safeJson: string): string {
  return `<message id="${escapeXmlAttribute(messageId)}"><gcm xmlns="${GCM_NAMESPACE}">${safeJson}</gcm></message>`;
}

/** The acknowledgement of an upstream message or a receipt. */
export function ackStanza(to: string, messageId: string): string {
  const json = `{"to":${xmlSafeString(to)},"message_id":${xmlSafeString(messageId)},"message_type":"ack"}`;
  return `<message><gcm xmlns="${GCM_NAMESPACE}">${json}</gcm></message>`;
}

/** An XEP-0199 ping. */
export function pingStanza(id: string): string {
  return `<iq type="get" id="${id}"><ping xmlns="${NAMESPACE.ping}"/></iq>`;
}

/** The answer every request has to get: a pong for a ping, else that we do not offer this. `undefined` for what is no request. */
export function iqAnswer(iq: XmlElement): string | undefined {
  const { id, from, type } = iq.attributes;
  if (iq.name !== "iq" || (type !== "get" && type !== "set")) return undefined;
  const address = `id="${escapeXmlAttribute(id ?? "")}"${from === undefined ? "" : ` to="${escapeXmlAttribute(from)}"`}`;
  if (type === "get" && childOf(iq, "ping", NAMESPACE.ping) !== undefined) return `<iq type="result" ${address}/>`;
  return `<iq type="error" ${address}><error type="cancel"><service-unavailable xmlns="${NAMESPACE.stanzaErrors}"/></error></iq>`;
}

/** Reads a `<message type="error">`. The `<gcm>` in it is our own, echoed: it is looked at for its ID and for nothing else. */
export function readStanzaError(stanza: MessageStanza, withoutSecrets: (text: string) => string): StanzaError {
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
    condition: withoutSecrets(condition?.name ?? "undefined-condition"),
    text: text ? withoutSecrets(text) : undefined,
  };
}

function echoedMessageId(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  try {
    const { message_id: id, message_type: type } = JSON.parse(json) as { message_id?: unknown; message_type?: unknown };
    // an acknowledgement carries the device's ID, which may by chance be one of ours
    return typeof id === "string" && type === undefined ? id : undefined;
  } catch {
    return undefined;
  }
}
