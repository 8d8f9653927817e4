import { dataProblem } from "./data.ts";
import { isPlainObject } from "./json.ts";
import type { Notification } from "./notification.ts";
import { MAX_PAYLOAD_BYTES, payloadBytes } from "./payload.ts";
import { sizeProblems } from "./size.ts";
import type { Target } from "./target.ts";
import { MAX_TIME_TO_LIVE_SEC } from "./time-to-live.ts";
import { type RegistrationToken, tokenProblem } from "./token.ts";

/** Fields of a notification that are text in every message but those of critical alerts. */
const NOTIFICATION_TEXTS: ReadonlySet<string> = new Set<keyof Notification>([
  "title",
  "body",
  "subtitle",
  "icon",
  "sound",
  "tag",
  "clickAction",
  "androidChannelId",
]);

/**
 * Reads what nearly all messages are: to tokens, with data, a notification of texts and plain options. The schema makes 3.5 KB of garbage
 * per message, which is a fifth of what sending one over HTTP costs in all; this makes next to none.
 *
 * Takes only what the schema takes, with the same result (a property test holds them together), and leaves everything else to it: the
 * schema is the authority, and it is what words the problems.
 */
export function readPlainMessage(input: unknown): { readonly target: Target } | undefined {
  if (!isBare(input)) return undefined;
  const message: Record<string, unknown> = {};
  // by every own name: the schema reads those that are not enumerable too
  for (const key of Object.getOwnPropertyNames(input)) {
    const value = readField(key, input[key]);
    if (value === undefined) return undefined;
    message[key] = value;
  }
  if (message["target"] === undefined) return undefined;
  const data = message["data"] as Texts | undefined;
  const notification = message["notification"] as Texts | undefined;
  if (notification !== undefined && mostBytes(data) + mostBytes(notification) > MAX_PAYLOAD_BYTES) {
    if (sizeProblems(message).length > 0) return undefined;
  }
  // each field was read as the schema types it
  return message as unknown as { readonly target: Target };
}

type Texts = Readonly<Record<string, string>>;
/** Bytes in UTF-8 of a UTF-16 unit at the most. */
const MAX_BYTES_PER_UNIT = 3;

/** An upper bound of the bytes of all keys and values: where it is within a limit, none have to be counted. */
function mostBytes(texts: Texts = {}): number {
  let units = 0;
  for (const key of Object.keys(texts)) units += key.length + (texts[key] as string).length;
  return units * MAX_BYTES_PER_UNIT;
}

function readField(key: string, value: unknown): unknown {
  switch (key) {
    case "target":
      return readTokens(value);
    case "data":
      return readData(value);
    case "notification":
      return readNotification(value);
    case "collapseKey":
      return value !== "" && isText(value) ? value : undefined;
    case "priority":
      return value === "high" || value === "normal" ? value : undefined;
    case "timeToLiveSec":
      return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TIME_TO_LIVE_SEC
        ? value
        : undefined;
    case "dryRun":
    case "contentAvailable":
      return typeof value === "boolean" ? value : undefined;
    default:
      return undefined;
  }
}

/** An object that inherits nothing but what every object does: the schema reads inherited fields too. */
function isBare(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed();
}

function readNotification(value: unknown): Notification | undefined {
  if (!isBare(value)) return undefined;
  const notification: Record<string, string> = {};
  for (const key of Object.getOwnPropertyNames(value)) {
    const text = value[key];
    if (!NOTIFICATION_TEXTS.has(key) || !isText(text)) return undefined;
    notification[key] = text;
  }
  return notification;
}

function readTokens(value: unknown): Target | undefined {
  if (!isBare(value)) return undefined;
  const [key, ...others] = Object.getOwnPropertyNames(value);
  if (others.length > 0) return undefined;
  if (key === "token") {
    const token = value[key];
    return tokenProblem(token) === undefined ? { token: token as RegistrationToken } : undefined;
  }
  if (key !== "tokens") return undefined;
  const given = value[key];
  if (!Array.isArray(given) || given.length === 0) return undefined;
  const tokens = given.slice();
  for (let position = 0; position < tokens.length; position++) {
    if (tokenProblem(tokens[position]) !== undefined) return undefined;
  }
  return { tokens: tokens as RegistrationToken[] };
}

function readData(value: unknown): Texts | undefined {
  if (!isPlainObject(value)) return undefined;
  const data = { ...value };
  for (const key of Object.keys(data)) if (dataProblem(key, data[key]) !== undefined) return undefined;
  const texts = data as Texts;
  return mostBytes(texts) <= MAX_PAYLOAD_BYTES || payloadBytes(texts) <= MAX_PAYLOAD_BYTES ? texts : undefined;
}
