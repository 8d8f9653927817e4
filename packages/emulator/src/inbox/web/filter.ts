import type { CapturedMessage } from "../../model/message.ts";
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

type Test = (message: CapturedMessage) => boolean;

const FIELDS: Readonly<Record<string, (message: CapturedMessage) => string | undefined>> = {
  state: (message) => message.state,
  door: (message) => message.door,
  to: (message) => message.to,
  key: (message) => message.collapseKey,
  id: (message) => message.messageId,
  from: (message) => message.senderId,
  code: (message) => message.code,
};

// what does not change after a message's arrival is lowered once; a list of ten thousand is searched at every keystroke
const haystacks = new WeakMap<CapturedMessage, string>();
function haystack(message: CapturedMessage): string {
  let text = haystacks.get(message);
  if (text === undefined) {
    const { to, messageId, collapseKey, data, notification, wire, reason, code } = message;
    text = [to, messageId, collapseKey, JSON.stringify(data), JSON.stringify(notification ?? ""), wire, reason, code]
      .join("\n")
      .toLowerCase();
    haystacks.set(message, text);
  }
  return text;
}

/** Compiles what was typed; `undefined` when it lets everything through. */
export function compileFilter({ text, tone, door }: Filter): Test | undefined {
  const tests: Test[] = [];
  if (tone !== "all") tests.push((message) => toneOf(message.state) === tone);
  if (door !== "") tests.push((message) => message.door === door);
  for (const word of text.toLowerCase().split(/\s+/)) {
    if (word === "") continue;
    const colon = word.indexOf(":");
    const field = FIELDS[word.slice(0, colon)];
    const value = word.slice(colon + 1);
    if (field === undefined || value === "") tests.push((message) => haystack(message).includes(word));
    else tests.push((message) => field(message)?.toLowerCase().includes(value) ?? false);
  }
  return tests.length === 0 ? undefined : (message) => tests.every((test) => test(message));
}
