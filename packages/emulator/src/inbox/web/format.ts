import type { MessageState } from "../../model/message.ts";

const pad = (value: number, length = 2): string => String(value).padStart(length, "0");

/** `14:03:09` in local time. */
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

/** The two largest units: `4 w`, `1 h 30 min`, `1 min 30 s`. */
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

/** Shortens a token or key in its middle. */
export function shorten(text: string, length = 22): string {
  if (text.length <= length) return text;
  const head = Math.ceil((length - 1) * 0.6);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}

/** Indents JSON without parsing it, so that 64-bit numbers are unchanged. Anything that is not JSON is returned unchanged. */
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

/** Tone of a state: in progress, delivered, lost, or neutral. */
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

/** Returns the tone of a state; other timeline events are positive. */
export function toneOf(state: string): Tone {
  return TONES[state as MessageState] ?? "good";
}

const PROTOCOLS: Readonly<Record<string, string>> = { "gcm-http": "HTTP", ccs: "CCS", "fcm-v1": "FCM v1" };

/** Short name of a protocol. */
export function protocolName(protocol: string): string {
  return PROTOCOLS[protocol] ?? protocol;
}
