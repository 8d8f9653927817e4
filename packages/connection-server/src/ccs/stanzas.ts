import { GCM_NAMESPACE } from "@cloud-messaging/core/wire";
import { escapeXml, escapeXmlText, type XmlElement } from "./xml-stream.ts";

/** Namespaces of XMPP that CCS uses. */
export const NS = {
  stream: "http://etherx.jabber.org/streams",
  client: "jabber:client",
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl",
  bind: "urn:ietf:params:xml:ns:xmpp-bind",
  session: "urn:ietf:params:xml:ns:xmpp-session",
  ping: "urn:xmpp:ping",
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas",
  streams: "urn:ietf:params:xml:ns:xmpp-streams",
} as const;

/** The server's side of the stream's opening. */
export function streamHeader(domain: string, id: string): string {
  return `<stream:stream from="${domain}" id="${id}" version="1.0" xmlns:stream="${NS.stream}" xmlns="${NS.client}">`;
}

/** Stream features before login: the mechanisms that the live service advertised. */
export const LOGIN_FEATURES = `<stream:features><mechanisms xmlns="${NS.sasl}"><mechanism>X-OAUTH2</mechanism><mechanism>X-GOOGLE-TOKEN</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>`;
/** Stream features after login. */
export const SESSION_FEATURES = `<stream:features><bind xmlns="${NS.bind}"/><session xmlns="${NS.session}"/></stream:features>`;

export const SASL_SUCCESS = `<success xmlns="${NS.sasl}"/>`;

export function saslFailure(condition: string): string {
  return `<failure xmlns="${NS.sasl}"><${condition}/></failure>`;
}

export function streamError(condition: string): string {
  return `<stream:error><${condition} xmlns="${NS.streams}"/></stream:error>`;
}

/** Form of the element in acks, nacks and control messages: with a prefix, as the live service wrote it, or as the documentation prints it. */
export type ElementStyle = "data:gcm" | "gcm";

/** An ack, nack or control message: no attributes, as seen live. */
export function answerStanza(json: string, style: ElementStyle): string {
  const text = escapeXmlText(json);
  return style === "gcm"
    ? `<message><gcm xmlns="${GCM_NAMESPACE}">${text}</gcm></message>`
    : `<message><data:gcm xmlns:data="${GCM_NAMESPACE}">${text}</data:gcm></message>`;
}

/** An upstream message or receipt. */
export function upstreamStanza(json: string, senderId: string, domain: string): string {
  return `<message to="${senderId}@${domain}" from="devices@${domain}" type="normal"><gcm xmlns="${GCM_NAMESPACE}">${escapeXmlText(json)}</gcm></message>`;
}

/** A stanza error: what came, back, with the reason. */
export function stanzaError(
  id: string | undefined,
  to: string,
  json: string,
  code: number,
  type: string,
  condition: string,
  text: string,
): string {
  return (
    `<message${id === undefined ? "" : ` id="${escapeXml(id)}"`} type="error" to="${escapeXml(to)}">` +
    `<gcm xmlns="${GCM_NAMESPACE}">${escapeXmlText(json)}</gcm>` +
    `<error code="${code}" type="${type}"><${condition} xmlns="${NS.stanzas}"/>` +
    `<text xmlns="${NS.stanzas}">${escapeXmlText(text)}&#10;</text></error></message>`
  );
}

/** The answer to an iq. */
export function iqResult(iq: XmlElement, to: string, from: string, content = ""): string {
  const id = escapeXml(iq.attributes["id"] ?? "");
  const head = `<iq to="${escapeXml(to)}" from="${from}" id="${id}" type="result"`;
  return content === "" ? `${head}/>` : `${head}>${content}</iq>`;
}

/** The answer to a request to bind when there are too many connections: RFC 6120, 7.6.2.1. */
export function iqResourceConstraint(iq: XmlElement, to: string, from: string): string {
  const id = escapeXml(iq.attributes["id"] ?? "");
  return `<iq to="${escapeXml(to)}" from="${from}" id="${id}" type="error"><error type="wait"><resource-constraint xmlns="${NS.stanzas}"/></error></iq>`;
}

/** Answer to an iq of an unknown kind. */
export function iqUnavailable(iq: XmlElement, to: string, from: string): string {
  const id = escapeXml(iq.attributes["id"] ?? "");
  return `<iq to="${escapeXml(to)}" from="${from}" id="${id}" type="error"><error code="503" type="cancel"><service-unavailable xmlns="${NS.stanzas}"/></error></iq>`;
}
