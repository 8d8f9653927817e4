import type { MessageState } from "../../model/message.ts";

const pad = (value: number, length = 2): string => String(value).padStart(length, "0");

/** `14:03:09` of the reader's own time zone. */
export function clockTime(at: number): string {
  const date = new Date(at);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** `2026-11-22 14:03:09.041`. */
export function fullTime(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${clockTime(at)}.${pad(date.getMilliseconds(), 3)}`;
}

const UNITS = [
  ["w", 604_800],
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
] as const;

/** `4 w`, `1 h 30 min`, `90 s` as `1 min 30 s`: the two largest units. */
export function duration(seconds: number): string {
  if (seconds <= 0) return "0 s";
  const parts: string[] = [];
  let left = Math.round(seconds);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    if (count === 0) {
      if (parts.length > 0) break;
      continue;
    }
    parts.push(`${count} ${unit}`);
    left -= count * size;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** Time since the message arrived: `+0 ms`, `+1.25 s`, `+3 d 4 h`. */
export function offset(ms: number): string {
  if (ms < 1000) return `+${Math.round(ms)} ms`;
  if (ms < 60_000) return `+${(ms / 1000).toFixed(2).replace(/\.?0+$/, "")} s`;
  return `+${duration(ms / 1000)}`;
}

/** A token or key cut in its middle, where it says nothing. */
export function shorten(text: string, length = 22): string {
  if (text.length <= length) return text;
  const head = Math.ceil((length - 1) * 0.6);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}

/** JSON with white space, without reading it: numbers of 64 bits stay as they came. Anything that is not JSON comes back as it is. */
export function prettyJson(text: string): string {
  const trimmed = text.trim();
  try {
    JSON.parse(trimmed);
  } catch {
    return text;
  }
  let result = "";
  let depth = 0;
  const line = (): string => `\n${"  ".repeat(depth)}`;
  for (let i = 0; i < trimmed.length; i++) {
    const char = trimmed[i] as string;
    if (char === '"') {
      const start = i;
      for (i++; trimmed[i] !== '"'; i++) if (trimmed[i] === "\\") i++;
      result += trimmed.slice(start, i + 1);
    } else if (char === "{" || char === "[") {
      const close = char === "{" ? "}" : "]";
      const next = /\S/.exec(trimmed.slice(i + 1));
      if (next?.[0] === close) {
        result += char + close;
        i += 1 + next.index;
      } else {
        depth++;
        result += char + line();
      }
    } else if (char === "}" || char === "]") {
      depth--;
      result += line() + char;
    } else if (char === ",") result += char + line();
    else if (char === ":") result += ": ";
    else if (!/\s/.test(char)) result += char;
  }
  return result;
}

/** How a state looks: what is on its way, what arrived, what was lost, and what is neither. */
export type Tone = "good" | "waiting" | "bad" | "neutral";

const TONES: Readonly<Record<MessageState, Tone>> = {
  held: "waiting",
  accepted: "neutral",
  validated: "neutral",
  stored: "waiting",
  throttled: "waiting",
  delivered: "good",
  collapsed: "neutral",
  expired: "bad",
  discarded: "bad",
  rejected: "bad",
  unanswered: "bad",
};

/** The tone of a state; a timeline's other events are good news. */
export function toneOf(state: string): Tone {
  return TONES[state as MessageState] ?? "good";
}

const DOORS: Readonly<Record<string, string>> = { "gcm-http": "HTTP", ccs: "CCS", "fcm-v1": "FCM v1" };

/** A door's short name. */
export function doorName(door: string): string {
  return DOORS[door] ?? door;
}
