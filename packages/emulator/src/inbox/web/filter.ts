import type { MessageSummary } from "../live.ts";
import { type Tone, toneOf } from "./format.ts";

/** What the list shows. */
export interface Filter {
  /** Words that all have to occur, and `field:value` pairs: `state:`, `door:`, `to:`, `key:`, `id:`, `from:`, `code:`. */
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

/** The words without a field. What came over the wire is on the server: it is asked for messages that hold them. */
export function freeWords(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "" && !isField(word));
}

function isField(word: string): boolean {
  const colon = word.indexOf(":");
  return colon > 0 && colon < word.length - 1 && word.slice(0, colon) in FIELDS;
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
  for (const word of text.toLowerCase().split(/\s+/)) {
    if (word === "") continue;
    if (isField(word)) {
      const colon = word.indexOf(":");
      const field = FIELDS[word.slice(0, colon)] as (message: MessageSummary) => string | undefined;
      const value = word.slice(colon + 1);
      tests.push((message) => field(message)?.toLowerCase().includes(value) ?? false);
    } else {
      const ids = found.get(word);
      tests.push((message) => haystack(message).includes(word) || (ids?.has(message.id) ?? false));
    }
  }
  return tests.length === 0 ? undefined : (message) => tests.every((test) => test(message));
}
