import type { MessageSummary } from "../live.ts";
import { type Tone, toneOf } from "./format.ts";

/** What the list shows. */
export interface Filter {
  /**
   * Terms that all have to hold: words, `"several words"`, `field:value` with `state:`, `door:`, `to:`, `key:`, `id:`, `from:`, `code:`.
   * With `-` in front a term must not hold.
   */
  readonly text: string;
  readonly tone: Tone | "all";
  readonly door: string;
}

/** Shows everything. */
export const NO_FILTER: Filter = { text: "", tone: "all", door: "" };

type Test = (message: MessageSummary) => boolean;

const FIELDS: Readonly<Record<string, (message: MessageSummary) => string | undefined>> = {
  state: (message) => message.state,
  door: (message) => message.door,
  to: (message) => message.to,
  key: (message) => message.collapseKey,
  id: (message) => message.messageId,
  from: (message) => message.senderId,
  code: (message) => message.code,
};

// what does not change after a message's arrival is lowered once; a list of ten thousand is searched at every keystroke
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
  /** `undefined`: anywhere. */
  readonly field: string | undefined;
  readonly value: string;
}

/** Reads what was typed. A minus alone, a field without a value and a quotation mark that is not closed are what they look like: text. */
function termsOf(text: string): Term[] {
  const terms: Term[] = [];
  for (const [term, minus, name, quoted, plain] of text
    .toLowerCase()
    .matchAll(/(-(?=\S))?(?:([a-z]+):(?=\S))?(?:"([^"]+)"|(\S+))/g)) {
    const value = quoted ?? plain ?? "";
    const field = name !== undefined && Object.hasOwn(FIELDS, name) ? name : undefined;
    const not = minus !== undefined;
    if (field !== undefined) terms.push({ not, field, value });
    // an address, for example, has a colon too
    else terms.push({ not, field, value: name === undefined ? value : term.slice(not ? 1 : 0).replaceAll('"', "") });
  }
  return terms;
}

/** The words without a field. What came over the wire is on the server: it is asked for messages that hold them. */
export function freeWords(text: string): string[] {
  return termsOf(text)
    .filter(({ field }) => field === undefined)
    .map(({ value }) => value);
}

/**
 * Compiles what was typed; `undefined` when it lets everything through.
 *
 * @param found Messages by word that the server found to hold it.
 */
export function compileFilter(
  { text, tone, door }: Filter,
  found: ReadonlyMap<string, ReadonlySet<number>> = new Map(),
): Test | undefined {
  const tests: Test[] = [];
  if (tone !== "all") tests.push((message) => toneOf(message.state) === tone);
  if (door !== "") tests.push((message) => message.door === door);
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

/** A filter as it stands in an address: `q=…&show=bad&door=ccs`; empty when it shows everything. */
export function filterQuery({ text, tone, door }: Filter): string {
  const query = new URLSearchParams();
  if (text.trim() !== "") query.set("q", text);
  if (tone !== "all") query.set("show", tone);
  if (door !== "") query.set("door", door);
  return query.toString();
}

/** The filter that an address asks for. */
export function readFilterQuery(text: string): Filter {
  const query = new URLSearchParams(text);
  const show = query.get("show") ?? "";
  return {
    text: query.get("q") ?? "",
    tone: TONES.includes(show) ? (show as Tone) : "all",
    door: query.get("door") ?? "",
  };
}
