import type { MessageSummary } from "../live.ts";
import { type Tone, toneOf } from "./format.ts";

/** Filter of the message list. */
export interface Filter {
  /**
   * Terms, all of which have to match: words, `"several words"`, `field:value` with `state:`, `protocol:`, `to:`, `key:`, `id:`, `from:`, `code:`.
   * A term with a leading `-` must not match.
   */
  readonly text: string;
  readonly tone: Tone | "all";
  readonly protocol: string;
}

/** Empty filter. */
export const NO_FILTER: Filter = { text: "", tone: "all", protocol: "" };

type Test = (message: MessageSummary) => boolean;

const FIELDS: Readonly<Record<string, (message: MessageSummary) => string | undefined>> = {
  state: (message) => message.state,
  protocol: (message) => message.protocol,
  to: (message) => message.to,
  key: (message) => message.collapseKey,
  id: (message) => message.messageId,
  from: (message) => message.senderId,
  code: (message) => message.code,
};

// lowercase text is cached: ten thousand messages are searched at every keystroke
const haystacks = new WeakMap<MessageSummary, string>();
function haystack(message: MessageSummary): string {
  let text = haystacks.get(message);
  if (text === undefined) {
    const { to, messageId, collapseKey, preview, notification, reason, code } = message;
    text = [to, messageId, collapseKey, preview, JSON.stringify(notification ?? ""), reason, code]
      .join("\n")
      .toLowerCase();
    haystacks.set(message, text);
  }
  return text;
}

interface Term {
  readonly not: boolean;
  /** Field; `undefined` for any. */
  readonly field: string | undefined;
  readonly value: string;
}

/** Parses a search. A single minus, a field without a value and an unclosed quotation mark are plain text. */
function termsOf(text: string): Term[] {
  const terms: Term[] = [];
  for (const [term, minus, name, quoted, plain] of text
    .toLowerCase()
    .matchAll(/(-(?=\S))?(?:([a-z]+):(?=\S))?(?:"([^"]+)"|(\S+))/g)) {
    const value = quoted ?? plain ?? "";
    const field = name !== undefined && Object.hasOwn(FIELDS, name) ? name : undefined;
    const not = minus !== undefined;
    if (field !== undefined) terms.push({ not, field, value });
    // a colon may also be part of an address
    else terms.push({ not, field, value: name === undefined ? value : term.slice(not ? 1 : 0).replaceAll('"', "") });
  }
  return terms;
}

/** Words without a field. They are also searched on the server, which has the wire text. */
export function freeWords(text: string): string[] {
  return termsOf(text)
    .filter(({ field }) => field === undefined)
    .map(({ value }) => value);
}

/**
 * Compiles a search; `undefined` if it matches everything.
 *
 * @param found Messages that contain a word, as found by the server.
 */
export function compileFilter(
  { text, tone, protocol }: Filter,
  found: ReadonlyMap<string, ReadonlySet<number>> = new Map(),
): Test | undefined {
  const tests: Test[] = [];
  if (tone !== "all") tests.push((message) => toneOf(message.state) === tone);
  if (protocol !== "") tests.push((message) => message.protocol === protocol);
  for (const { not, field, value } of termsOf(text)) {
    const read = field === undefined ? undefined : FIELDS[field];
    const ids = found.get(value);
    const holds: Test =
      read === undefined
        ? (message) => haystack(message).includes(value) || (ids?.has(message.id) ?? false)
        : (message) => read(message)?.toLowerCase().includes(value) ?? false;
    tests.push(not ? (message) => !holds(message) : holds);
  }
  return tests.length === 0 ? undefined : (message) => tests.every((test) => test(message));
}

const TONES: readonly string[] = ["waiting", "good", "bad", "neutral"];

/** Serializes a filter for the address: `q=…&show=bad&protocol=ccs`; empty for the empty filter. */
export function filterQuery({ text, tone, protocol }: Filter): string {
  const query = new URLSearchParams();
  if (text.trim() !== "") query.set("q", text);
  if (tone !== "all") query.set("show", tone);
  if (protocol !== "") query.set("protocol", protocol);
  return query.toString();
}

/** Parses the filter of an address. */
export function readFilterQuery(text: string): Filter {
  const query = new URLSearchParams(text);
  const show = query.get("show") ?? "";
  return {
    text: query.get("q") ?? "",
    tone: TONES.includes(show) ? (show as Tone) : "all",
    protocol: query.get("protocol") ?? "",
  };
}
