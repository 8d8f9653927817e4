import {
  LESS_THAN,
  MAX_TAG_CHARS,
  readStartTag,
  SLASH,
  type StartTag,
  tagTooLong,
  type XmlAttributes,
} from "./start-tag.ts";
import { decodeXmlText, XmlSyntaxError } from "./xml-text.ts";

/** Receiver of scanner events, in document order. Names have no prefix; the namespace is resolved. */
export interface XmlHandler {
  open(name: string, namespace: string, attributes: XmlAttributes): void;
  /** Character data with entities decoded. One run of text may be split over several calls. */
  text(text: string): void;
  close(): void;
}

/** Limits that keep a peer from exhausting memory or stack. */
export interface XmlLimits {
  /** Maximum length of one child of the root (a stanza), tags included. Unit: UTF-16 code units. */
  readonly maxStanzaChars: number;
  /** Maximum depth of elements, the root included. */
  readonly maxDepth: number;
}

const BANG = 33;
const QUESTION = 63;

/** Maximum length of an entity: `&#x10FFFF;` with leading zeros. Unit: UTF-16 code units. */
const MAX_ENTITY_CHARS = 16;

const NOT_BLANK = /[^ \t\r\n]/;
const CDATA_START = "<![CDATA[";
const XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace";

/**
 * Incremental (SAX) scanner of an XML stream; chunks may be split anywhere. Accepts the XML subset of RFC 6120: comments, processing
 * instructions, DTDs and custom entities are refused.
 */
export class XmlScanner {
  readonly #handler: XmlHandler;
  readonly #limits: XmlLimits;
  readonly #open: StartTag[] = [];
  /** Latest start tag at each depth. Nearly every stanza is made of the same tags, of which one is not read again. */
  readonly #latest: StartTag[] = [];
  /** Incomplete tag, entity or CDATA end of the previous chunk. */
  #rest = "";
  #stanzaChars = 0;
  #inCdata = false;
  #started = false;
  #stopped = false;

  constructor(handler: XmlHandler, limits: XmlLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** Stops reading. May be called by the handler during an event. */
  stop(): void {
    this.#stopped = true;
    this.#rest = "";
  }

  /**
   * Reads the next chunk. Stops reading when it throws.
   *
   * @throws {XmlSyntaxError} The text is not valid XML, or exceeds a limit.
   */
  write(chunk: string): void {
    if (this.#stopped) return;
    const data = this.#rest === "" ? chunk : this.#rest + chunk;
    this.#rest = "";
    try {
      const end = this.#read(data);
      if (!this.#stopped && end < data.length) this.#rest = data.slice(end);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Reads as far as the data is complete; returns the offset reached. */
  #read(data: string): number {
    let at = 0;
    while (at < data.length && !this.#stopped) {
      let next: number;
      if (this.#inCdata) next = this.#readCdata(data, at);
      else if (data.charCodeAt(at) === LESS_THAN) next = this.#readMarkup(data, at);
      else next = this.#readText(data, at);
      if (next === at) break;
      at = next;
    }
    return at;
  }

  #readText(data: string, at: number): number {
    const tag = data.indexOf("<", at);
    let end = tag === -1 ? data.length : tag;
    if (tag === -1) {
      // in the text alone: before it there may be many stanzas
      const entity = at + data.slice(at).lastIndexOf("&");
      if (entity >= at && data.indexOf(";", entity) === -1) {
        if (data.length - entity > MAX_ENTITY_CHARS) throw new XmlSyntaxError("an entity without its semicolon");
        end = entity;
      }
    }
    if (end === at) return at;
    const raw = data.slice(at, end);
    if (this.#open.length < 2) {
      // only white space is allowed between stanzas: whitespace keep-alive
      if (NOT_BLANK.test(raw)) throw new XmlSyntaxError("text between stanzas");
      return end;
    }
    this.#count(raw.length);
    this.#handler.text(decodeXmlText(raw));
    return end;
  }

  #readCdata(data: string, at: number): number {
    const close = data.indexOf("]]>", at);
    // the last two characters may be the start of "]]>"
    const end = close === -1 ? Math.max(at, data.length - 2) : close;
    if (end > at) {
      this.#count(end - at);
      this.#handler.text(data.slice(at, end));
    }
    if (close === -1) return end;
    this.#inCdata = false;
    return close + 3;
  }

  #readMarkup(data: string, at: number): number {
    const kind = data.charCodeAt(at + 1);
    if (Number.isNaN(kind)) return at;
    switch (kind) {
      case SLASH:
        return this.#readEndTag(data, at);
      case BANG:
        return this.#readDeclaration(data, at);
      case QUESTION:
        return this.#readXmlDeclaration(data, at);
      default:
        return this.#readStartTag(data, at);
    }
  }

  #readEndTag(data: string, at: number): number {
    const element = this.#open.at(-1);
    let end: number;
    if (element !== undefined && data.startsWith(element.endTag, at)) end = at + element.endTag.length;
    else {
      end = data.indexOf(">", at + 2) + 1;
      if (end === 0) return this.#incomplete(data, at);
      // white space may follow the name
      if (element === undefined || `${data.slice(at, end - 1).trimEnd()}>` !== element.endTag) {
        throw new XmlSyntaxError("an end tag that closes nothing");
      }
    }
    this.#open.pop();
    this.#count(end - at);
    this.#closed();
    return end;
  }

  #readDeclaration(data: string, at: number): number {
    if (data.startsWith(CDATA_START, at)) {
      if (this.#open.length < 2) throw new XmlSyntaxError("CDATA between stanzas");
      this.#count(CDATA_START.length);
      this.#inCdata = true;
      return at + CDATA_START.length;
    }
    const seen = data.slice(at, at + CDATA_START.length);
    if (CDATA_START.startsWith(seen)) return at;
    throw new XmlSyntaxError("a comment or document type", "restricted-xml");
  }

  #readXmlDeclaration(data: string, at: number): number {
    if (this.#started) throw new XmlSyntaxError("a processing instruction", "restricted-xml");
    const end = data.indexOf("?>", at);
    if (end === -1) return this.#incomplete(data, at);
    if (!/^<\?xml[ \t\r\n]/.test(data.slice(at, at + 6))) {
      throw new XmlSyntaxError("a processing instruction", "restricted-xml");
    }
    this.#started = true;
    return end + 2;
  }

  #readStartTag(data: string, at: number): number {
    const depth = this.#open.length;
    let tag = this.#latest[depth];
    // startsWith takes seven times as long for a text of this length
    if (tag === undefined || data.slice(at, at + tag.text.length) !== tag.text) {
      // fast path for the usual incomplete tag, without scanning its attributes
      if (data.indexOf(">", at) === -1) return this.#incomplete(data, at);
      tag = readStartTag(data, at);
      if (tag === undefined) return this.#incomplete(data, at);
      if (depth >= this.#limits.maxDepth) {
        throw new XmlSyntaxError(`more than ${this.#limits.maxDepth} elements inside each other`, "policy-violation");
      }
      this.#latest[depth] = tag;
    }
    this.#started = true;
    this.#open.push(tag);
    this.#count(tag.text.length);
    this.#handler.open(tag.name.local, this.#namespaceOf(tag.name.prefix), tag.attributes);
    if (tag.isEmpty) {
      this.#open.pop();
      this.#closed();
    }
    return at + tag.text.length;
  }

  #closed(): void {
    if (this.#open.length < 2) this.#stanzaChars = 0;
    // anything after the end of the stream is ignored
    if (this.#open.length === 0) this.stop();
    this.#handler.close();
  }

  #namespaceOf(prefix: string): string {
    for (let depth = this.#open.length - 1; depth >= 0; depth--) {
      const namespace = this.#open[depth]?.declared?.get(prefix);
      if (namespace !== undefined) return namespace;
    }
    if (prefix === "") return "";
    if (prefix === "xml") return XML_NAMESPACE;
    throw new XmlSyntaxError("a namespace prefix that nothing declares");
  }

  #count(chars: number): void {
    if (this.#open.length === 0) return;
    this.#stanzaChars += chars;
    if (this.#stanzaChars > this.#limits.maxStanzaChars) {
      throw new XmlSyntaxError(`a stanza of more than ${this.#limits.maxStanzaChars} characters`, "policy-violation");
    }
  }

  #incomplete(data: string, at: number): number {
    if (data.length - at > MAX_TAG_CHARS) throw tagTooLong();
    return at;
  }
}
