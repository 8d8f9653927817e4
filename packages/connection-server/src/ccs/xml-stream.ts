import { StringDecoder } from "node:string_decoder";
import { describeError } from "@cloud-messaging/core/transport";
import { SaxesParser, type SaxesTagNS } from "saxes";

/** Parsed element. */
export interface XmlElement {
  /** Local name, without prefix. */
  readonly name: string;
  readonly namespace: string;
  /** Attributes by local name. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (XmlElement | string)[];
}

/** Name of an XMPP stream error. */
export type XmlProblem = "invalid-xml" | "restricted-xml" | "policy-violation";

/** Receiver of stream events. */
export interface XmlStreamHandlers {
  /** The root element was opened. */
  onOpen(root: Pick<XmlElement, "name" | "namespace" | "attributes">): void;
  /** A child of the root is complete. */
  onStanza(stanza: XmlElement): void;
  /** The root element was closed. */
  onClose(): void;
  /** The stream is invalid; no further event follows. */
  onProblem(problem: XmlProblem, detail: string): void;
}

/** Parser of one XML stream; chunks may be split anywhere. */
export interface XmlStream {
  write(chunk: Buffer): void;
  /** Stops reading. */
  stop(): void;
}

/** Maximum depth of elements; a message has three levels. Implementation limit, not part of the protocol. */
const MAX_DEPTH = 32;

/**
 * Text that XML gives as it is: without entities, line ends to normalize, `]]>`, and characters that are not allowed. The parser looks at
 * each character by itself, which for the JSON of a message costs more than everything else about it.
 */
const PLAIN_TEXT = /^[\t\n -%'-\\^-\ud7ff\ue000-\ufffd]+$/;

interface Open {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: Record<string, string>;
  readonly children: (XmlElement | string)[];
}

/**
 * @param maxStanzaBytes Maximum size of a stanza; a longer one ends the stream. Counted by chunks, so up to one chunk more may be read.
 */
export function createXmlStream(handlers: XmlStreamHandlers, maxStanzaBytes: number): XmlStream {
  const parser = new SaxesParser({ xmlns: true, position: false });
  const decoder = new StringDecoder("utf8");
  const open: Open[] = [];
  let depth = 0;
  let stopped = false;
  let pendingBytes = 0;
  let stanzaEnded = false;
  /** True between stanzas: only white space is allowed, and it is kept from the parser, which would accumulate it. */
  let betweenStanzas = false;
  /** True if the parser has read nothing after the start tag of an element in a stanza, the `<gcm>` of a message. */
  let afterStartTag = false;
  let thrown: { readonly error: unknown } | undefined;

  /** Error of a handler, which is not a syntax error of the stream. */
  function tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      thrown ??= { error };
    }
  }

  function fail(problem: XmlProblem, detail: string): void {
    if (stopped) return;
    stopped = true;
    handlers.onProblem(problem, detail);
  }

  parser.on("error", (error) => fail("invalid-xml", error.message));
  parser.on("doctype", () => fail("restricted-xml", "a document type declaration"));
  parser.on("comment", () => fail("restricted-xml", "a comment"));
  parser.on("processinginstruction", () => fail("restricted-xml", "a processing instruction"));
  parser.on("opentag", (tag: SaxesTagNS) => {
    if (stopped) return;
    const attributes: Record<string, string> = Object.create(null);
    for (const name in tag.attributes) {
      const attribute = tag.attributes[name];
      if (attribute !== undefined && attribute.prefix !== "xmlns" && name !== "xmlns") {
        attributes[attribute.local] = attribute.value;
      }
    }
    depth++;
    betweenStanzas = depth === 1;
    if (depth === 1) return tell(() => handlers.onOpen({ name: tag.local, namespace: tag.uri, attributes }));
    if (depth > MAX_DEPTH) return fail("policy-violation", "elements nest too deep");
    open.push({ name: tag.local, namespace: tag.uri, attributes, children: [] });
  });
  const onText = (text: string): void => {
    if (!stopped) open.at(-1)?.children.push(text);
  };
  parser.on("text", onText);
  parser.on("cdata", (text) => {
    if (open.length === 0) fail("invalid-xml", "text between stanzas");
    else onText(text);
  });
  parser.on("closetag", () => {
    if (stopped) return;
    depth--;
    if (depth === 0) {
      stopped = true;
      return tell(() => handlers.onClose());
    }
    const element = open.pop() as Open;
    const parent = open.at(-1);
    if (parent !== undefined) parent.children.push(element);
    else {
      stanzaEnded = true;
      betweenStanzas = true;
      tell(() => handlers.onStanza(element));
    }
  });

  /** Passes stanza text to the parser, in pieces that end where white space between two stanzas may begin. */
  function parse(text: string): void {
    let at = 0;
    while (at < text.length && !stopped) {
      if (betweenStanzas) {
        while (isWhitespace(text.charCodeAt(at))) at++;
        if (at === text.length) return;
        if (text[at] !== "<") {
          fail("invalid-xml", "text between stanzas");
          return;
        }
        betweenStanzas = false;
      }
      if (afterStartTag) {
        afterStartTag = false;
        const tag = text.indexOf("<", at);
        const run = text.slice(at, tag === -1 ? text.length : tag);
        if (PLAIN_TEXT.test(run)) {
          onText(run);
          at += run.length;
          // the next chunk goes on with it
          afterStartTag = tag === -1;
          continue;
        }
      }
      // no tag at a greater depth can end a stanza: the rest is passed unchanged
      const end = depth > 2 ? text.indexOf("</", at) + 1 : text.indexOf(">", at) + 1;
      const next = end === 0 ? text.length : end;
      const before = depth;
      parser.write(text.slice(at, next));
      // at this depth the text passed ends with the tag
      afterStartTag = before === 2 && depth === 3;
      at = next;
    }
  }

  return {
    write(chunk) {
      if (stopped) return;
      stanzaEnded = false;
      try {
        parse(decoder.write(chunk));
      } catch (error) {
        return fail("invalid-xml", describeError(error));
      }
      if (thrown !== undefined) {
        const { error } = thrown;
        thrown = undefined;
        throw error;
      }
      pendingBytes = stanzaEnded || betweenStanzas ? 0 : pendingBytes + chunk.length;
      if (pendingBytes > maxStanzaBytes) fail("policy-violation", `a stanza has more than ${maxStanzaBytes} bytes`);
    },
    stop() {
      stopped = true;
    },
  };
}

/** Returns the first child element with the name. */
export function childOf(element: XmlElement, name: string, namespace: string): XmlElement | undefined {
  for (const child of element.children) {
    if (typeof child !== "string" && child.name === name && child.namespace === namespace) return child;
  }
  return undefined;
}

/** Returns the text of an element, without that of its children. */
export function textOf(element: XmlElement): string {
  const { children } = element;
  if (children.length === 1 && typeof children[0] === "string") return children[0];
  return children.filter((child) => typeof child === "string").join("");
}

/** Escapes text for an XML text node or attribute. */
export function escapeXml(text: string): string {
  return /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string) : text;
}

/** Escapes text between tags; quotes stay unescaped, as observed on the live service. */
export function escapeXmlText(text: string): string {
  return /[&<>]/.test(text) ? text.replace(/[&<>]/g, (character) => ESCAPES[character] as string) : text;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
