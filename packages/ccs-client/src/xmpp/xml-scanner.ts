import { decodeXmlText, XmlSyntaxError } from "./xml-text.ts";

/** Attributes of a start tag by qualified name, without namespace declarations. */
export type XmlAttributes = Readonly<Record<string, string>>;

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

interface OpenElement {
  readonly qualifiedName: string;
  /** Namespaces declared by this element, by prefix. */
  readonly declared: Map<string, string> | undefined;
}

interface QualifiedName {
  readonly prefix: string;
  readonly local: string;
}

interface Attribute {
  readonly name: string;
  readonly value: string;
}

const LESS_THAN = 60;
const SLASH = 47;
const GREATER_THAN = 62;
const BANG = 33;
const QUESTION = 63;
const EQUALS = 61;

/** Maximum length of a tag. Unit: UTF-16 code units. Bounds the cost of rescanning an incomplete tag with each chunk. */
const MAX_TAG_CHARS = 8192;
/** Maximum length of an entity: `&#x10FFFF;` with leading zeros. Unit: UTF-16 code units. */
const MAX_ENTITY_CHARS = 16;
/** Maximum number of element names remembered as well-formed. A CCS stream has a dozen. */
const MAX_KNOWN_NAMES = 256;

const NO_ATTRIBUTES: XmlAttributes = Object.freeze({});
const NAME =
  /^[A-Za-z_\u{80}-\u{10ffff}][\w.\-\u{80}-\u{10ffff}]*(:[A-Za-z_\u{80}-\u{10ffff}][\w.\-\u{80}-\u{10ffff}]*)?$/u;
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
  readonly #open: OpenElement[] = [];
  readonly #knownNames = new Map<string, QualifiedName>();
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
      const entity = data.lastIndexOf("&");
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
    const end = data.indexOf(">", at + 2);
    if (end === -1) return this.#incomplete(data, at);
    const element = this.#open.pop();
    const name = data.slice(at + 2, end);
    if (element === undefined || (name !== element.qualifiedName && name.trimEnd() !== element.qualifiedName)) {
      throw new XmlSyntaxError("an end tag that closes nothing");
    }
    this.#count(end + 1 - at);
    this.#closed();
    return end + 1;
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
    // fast path for the usual incomplete tag, without scanning its attributes
    if (data.indexOf(">", at) === -1) return this.#incomplete(data, at);
    let end = endOfName(data, at + 1);
    const qualifiedName = data.slice(at + 1, end);
    let attributes: Attribute[] | undefined;
    let empty = false;
    for (;;) {
      const afterSpace = skipSpace(data, end);
      const code = data.charCodeAt(afterSpace);
      if (Number.isNaN(code)) return this.#incomplete(data, at);
      if (code === GREATER_THAN) {
        end = afterSpace + 1;
        break;
      }
      if (code === SLASH) {
        const closing = data.charCodeAt(afterSpace + 1);
        if (Number.isNaN(closing)) return this.#incomplete(data, at);
        if (closing !== GREATER_THAN) throw new XmlSyntaxError("a slash inside a tag");
        empty = true;
        end = afterSpace + 2;
        break;
      }
      if (afterSpace === end) throw new XmlSyntaxError("attributes without a space between them");
      const read = readAttribute(data, afterSpace);
      if (read === undefined) return this.#incomplete(data, at);
      attributes ??= [];
      attributes.push(read.attribute);
      end = read.end;
    }
    if (end - at > MAX_TAG_CHARS) throw new XmlSyntaxError("a tag that is too long", "policy-violation");
    this.#opened(qualifiedName, attributes, end - at);
    if (empty) {
      this.#open.pop();
      this.#closed();
    }
    return end;
  }

  #closed(): void {
    if (this.#open.length < 2) this.#stanzaChars = 0;
    // anything after the end of the stream is ignored
    if (this.#open.length === 0) this.stop();
    this.#handler.close();
  }

  #opened(qualifiedName: string, attributes: readonly Attribute[] | undefined, chars: number): void {
    const name = this.#nameOf(qualifiedName);
    if (this.#open.length >= this.#limits.maxDepth) {
      throw new XmlSyntaxError(`more than ${this.#limits.maxDepth} elements inside each other`, "policy-violation");
    }
    this.#started = true;
    let declared: Map<string, string> | undefined;
    let plain: Record<string, string> | undefined;
    for (const { name: key, value } of attributes ?? []) {
      const prefix = key === "xmlns" ? "" : key.startsWith("xmlns:") ? key.slice(6) : undefined;
      if (prefix === undefined) {
        // an ordinary object: reads are many times faster than with a null prototype, and only known names are read
        plain ??= {};
        if (Object.hasOwn(plain, key)) throw new XmlSyntaxError("the same attribute twice");
        plain[key] = value;
      } else {
        declared ??= new Map();
        if (declared.has(prefix)) throw new XmlSyntaxError("the same namespace prefix twice");
        declared.set(prefix, value);
      }
    }
    this.#open.push({ qualifiedName, declared });
    this.#count(chars);
    const namespace = this.#namespaceOf(name.prefix);
    this.#handler.open(name.local, namespace, plain ?? NO_ATTRIBUTES);
  }

  #nameOf(qualifiedName: string): QualifiedName {
    const known = this.#knownNames.get(qualifiedName);
    if (known !== undefined) return known;
    if (!NAME.test(qualifiedName)) throw new XmlSyntaxError("something that is not the name of an element");
    const colon = qualifiedName.indexOf(":");
    const name = { prefix: qualifiedName.slice(0, Math.max(0, colon)), local: qualifiedName.slice(colon + 1) };
    if (this.#knownNames.size < MAX_KNOWN_NAMES) this.#knownNames.set(qualifiedName, name);
    return name;
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
    if (data.length - at > MAX_TAG_CHARS) throw new XmlSyntaxError("a tag that is too long", "policy-violation");
    return at;
  }
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

function skipSpace(data: string, at: number): number {
  let end = at;
  while (isSpace(data.charCodeAt(end))) end++;
  return end;
}

function endOfName(data: string, at: number): number {
  let end = at;
  for (; end < data.length; end++) {
    const code = data.charCodeAt(end);
    if (code === GREATER_THAN || code === SLASH || code === EQUALS || code === LESS_THAN || isSpace(code)) break;
  }
  return end;
}

/** Reads an attribute; returns `undefined` if it is incomplete. */
function readAttribute(data: string, at: number): { readonly attribute: Attribute; readonly end: number } | undefined {
  const nameEnd = endOfName(data, at);
  const equals = skipSpace(data, nameEnd);
  const open = skipSpace(data, equals + 1);
  if (open >= data.length) return undefined;
  const quote = data[open];
  if (data.charCodeAt(equals) !== EQUALS || (quote !== '"' && quote !== "'")) {
    throw new XmlSyntaxError("an attribute without a quoted value");
  }
  const close = data.indexOf(quote, open + 1);
  if (close === -1) return undefined;
  const name = data.slice(at, nameEnd);
  const raw = data.slice(open + 1, close);
  if (!NAME.test(name) || raw.includes("<")) throw new XmlSyntaxError("a malformed attribute");
  return { attribute: { name, value: decodeXmlText(raw) }, end: close + 1 };
}
