import { GCM_NAMESPACE } from "@cloud-messaging/core/wire";
import type { XmlAttributes } from "./start-tag.ts";
import type { XmlHandler } from "./xml-scanner.ts";

/** XMPP namespaces that CCS uses. */
export const NAMESPACE = {
  client: "jabber:client",
  stream: "http://etherx.jabber.org/streams",
  streamErrors: "urn:ietf:params:xml:ns:xmpp-streams",
  stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl",
  bind: "urn:ietf:params:xml:ns:xmpp-bind",
  session: "urn:ietf:params:xml:ns:xmpp-session",
  ping: "urn:xmpp:ping",
} as const;

/** Element with its content. Built only for rare elements: features, errors, IQ. */
export interface XmlElement {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: XmlAttributes;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

/** Parts of a `<message>` that CCS uses. A message of `type="error"` is an error, whatever it contains. */
export interface MessageStanza {
  readonly id: string | undefined;
  readonly type: string | undefined;
  /** Text of its `<gcm>` element: unparsed JSON. */
  readonly gcm: string | undefined;
  /** Its `<error>` element. */
  readonly error: XmlElement | undefined;
}

/** Receiver of stanzas. */
export interface StanzaSink {
  streamOpened(attributes: XmlAttributes): void;
  message(stanza: MessageStanza): void;
  /** Any other child of the stream. */
  element(element: XmlElement): void;
  streamClosed(): void;
}

interface GrowingElement {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: XmlAttributes;
  readonly children: GrowingElement[];
  text: string;
}

/** Assembles stanzas from scanner events. Builds no tree for `<message>`, the most frequent stanza. */
export class StanzaReader implements XmlHandler {
  readonly #sink: StanzaSink;
  #depth = 0;
  #inMessage = false;
  #id: string | undefined;
  #type: string | undefined;
  #gcm: string | undefined;
  #error: GrowingElement | undefined;
  /** True inside `<gcm>`. */
  #collecting = false;
  /** Open elements of the tree being built, outermost first. */
  readonly #tree: GrowingElement[] = [];

  constructor(sink: StanzaSink) {
    this.#sink = sink;
  }

  open(name: string, namespace: string, attributes: XmlAttributes): void {
    const depth = ++this.#depth;
    if (depth === 1) {
      this.#sink.streamOpened(attributes);
      return;
    }
    if (depth === 2 && name === "message" && namespace === NAMESPACE.client) {
      this.#inMessage = true;
      this.#id = attributes["id"];
      this.#type = attributes["type"];
      this.#gcm = undefined;
      this.#error = undefined;
      return;
    }
    if (this.#inMessage && this.#tree.length === 0) {
      if (depth !== 3) return;
      if (name === "gcm" && namespace === GCM_NAMESPACE && this.#gcm === undefined) {
        this.#gcm = "";
        this.#collecting = true;
        return;
      }
      if (name !== "error" || namespace !== NAMESPACE.client) return;
    }
    const element: GrowingElement = { name, namespace, attributes, children: [], text: "" };
    this.#tree.at(-1)?.children.push(element);
    this.#tree.push(element);
  }

  text(text: string): void {
    if (this.#collecting) {
      if (this.#depth === 3) this.#gcm += text;
      return;
    }
    const element = this.#tree.at(-1);
    if (element !== undefined) element.text += text;
  }

  close(): void {
    const depth = this.#depth--;
    if (this.#tree.length > 0) {
      const element = this.#tree.pop() as GrowingElement;
      if (this.#tree.length > 0) return;
      if (this.#inMessage) this.#error ??= element;
      else this.#sink.element(element);
      return;
    }
    if (depth === 3) this.#collecting = false;
    else if (depth === 2 && this.#inMessage) {
      this.#inMessage = false;
      this.#sink.message({ id: this.#id, type: this.#type, gcm: this.#gcm, error: this.#error });
    } else if (depth === 1) this.#sink.streamClosed();
  }
}

/** Returns the first child with the name and namespace. */
export function childOf(element: XmlElement, name: string, namespace: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name && child.namespace === namespace);
}
