import { decodeXmlText, XmlSyntaxError } from "./xml-text.ts";

/** Attributes of a start tag by qualified name, without namespace declarations. */
export type XmlAttributes = Readonly<Record<string, string>>;

/** Name of an element, in its parts. */
interface QualifiedName {
  readonly prefix: string;
  readonly local: string;
}

/** Start tag: what it says by itself, whatever elements are around it. */
export interface StartTag {
  /** The tag as it was written, from `<` to `>`. */
  readonly text: string;
  readonly name: QualifiedName;
  /** End tag of the element as it is nearly always written. */
  readonly endTag: string;
  /** Namespaces that it declares, by prefix. */
  readonly declared: ReadonlyMap<string, string> | undefined;
  readonly attributes: XmlAttributes;
  /** True for `<name/>`. */
  readonly isEmpty: boolean;
}

/** UTF-16 code unit of `/`. */
export const SLASH = 47;
/** UTF-16 code unit of `<`. */
export const LESS_THAN = 60;
const EQUALS = 61;
const GREATER_THAN = 62;

const NO_ATTRIBUTES: XmlAttributes = Object.freeze({});
const NAME =
  /^[A-Za-z_\u{80}-\u{10ffff}][\w.\-\u{80}-\u{10ffff}]*(:[A-Za-z_\u{80}-\u{10ffff}][\w.\-\u{80}-\u{10ffff}]*)?$/u;

/** Maximum length of a tag. Unit: UTF-16 code units. Bounds the cost of rescanning an incomplete tag with each chunk. */
export const MAX_TAG_CHARS = 8192;

/**
 * Reads a start tag.
 *
 * @param at Offset of its `<`.
 * @returns `undefined` if it is incomplete.
 * @throws {XmlSyntaxError} It is malformed or too long.
 */
export function readStartTag(data: string, at: number): StartTag | undefined {
  let end = endOfName(data, at + 1);
  const qualifiedName = data.slice(at + 1, end);
  let declared: Map<string, string> | undefined;
  let attributes: Record<string, string> | undefined;
  for (;;) {
    const afterSpace = skipSpace(data, end);
    const code = data.charCodeAt(afterSpace);
    if (Number.isNaN(code)) return undefined;
    if (code === GREATER_THAN || code === SLASH) {
      const isEmpty = code === SLASH;
      if (isEmpty) {
        const closing = data.charCodeAt(afterSpace + 1);
        if (Number.isNaN(closing)) return undefined;
        if (closing !== GREATER_THAN) throw new XmlSyntaxError("a slash inside a tag");
      }
      const text = data.slice(at, afterSpace + (isEmpty ? 2 : 1));
      if (text.length > MAX_TAG_CHARS) throw tagTooLong();
      const name = nameOf(qualifiedName);
      return { text, name, endTag: `</${qualifiedName}>`, declared, attributes: attributes ?? NO_ATTRIBUTES, isEmpty };
    }
    if (afterSpace === end) throw new XmlSyntaxError("attributes without a space between them");
    const read = readAttribute(data, afterSpace);
    if (read === undefined) return undefined;
    const { name, value } = read;
    const prefix = name === "xmlns" ? "" : name.startsWith("xmlns:") ? name.slice(6) : undefined;
    if (prefix === undefined) {
      // an ordinary object: reads are many times faster than with a null prototype, and only known names are read
      attributes ??= {};
      if (Object.hasOwn(attributes, name)) throw new XmlSyntaxError("the same attribute twice");
      attributes[name] = value;
    } else {
      declared ??= new Map();
      if (declared.has(prefix)) throw new XmlSyntaxError("the same namespace prefix twice");
      declared.set(prefix, value);
    }
    end = read.end;
  }
}

/** Creates the error for a tag above `MAX_TAG_CHARS`. */
export function tagTooLong(): XmlSyntaxError {
  return new XmlSyntaxError("a tag that is too long", "policy-violation");
}

function nameOf(qualifiedName: string): QualifiedName {
  if (!NAME.test(qualifiedName)) throw new XmlSyntaxError("something that is not the name of an element");
  const colon = qualifiedName.indexOf(":");
  return { prefix: qualifiedName.slice(0, Math.max(0, colon)), local: qualifiedName.slice(colon + 1) };
}

/** Reads an attribute; returns `undefined` if it is incomplete. */
function readAttribute(data: string, at: number) {
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
  return { name, value: decodeXmlText(raw), end: close + 1 };
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
