import type { DownstreamMessage, FieldProblem, RegistrationToken } from "@cloud-messaging/core";
import { encodeGcmOptions, type GcmHttpRequest } from "@cloud-messaging/core/wire";

const CLOSING_BRACE = 0x7d;

/** Encoding of a request. */
export type GcmHttpFormat = "json" | "plain-text";

/** `Content-Type` of each format, by which the server tells them apart. */
export const CONTENT_TYPES: Readonly<Record<GcmHttpFormat, string>> = {
  json: "application/json",
  "plain-text": "application/x-www-form-urlencoded;charset=UTF-8",
};

/**
 * Encodes a message as a JSON object without its tokens, shared by all requests of a send.
 *
 * Source: docs/protocol/gcm-http.md#request
 */
export function encodeContent(message: DownstreamMessage): string {
  const request = encodeGcmOptions(message) as GcmHttpRequest;
  if (message.restrictedPackageName !== undefined) request.restricted_package_name = message.restrictedPackageName;
  const { target } = message;
  if ("topic" in target) request.to = `/topics/${target.topic}`;
  else if ("condition" in target) request.condition = target.condition;
  else if ("notificationKey" in target) {
    request.to = target.notificationKey;
    if (target.notificationKeyName !== undefined) request.notification_key_name = target.notificationKeyName;
  }
  return JSON.stringify(request);
}

/**
 * The content with the tokens of one request in it, in UTF-8. Tokens are written as `registration_ids` even where there is but one:
 * every era understands that, and the answer has one shape.
 */
export function encodeMulticast(content: string, tokens: readonly RegistrationToken[]): Buffer {
  const ids = JSON.stringify(tokens);
  const idBytes = Buffer.byteLength(ids);
  const contentBytes = Buffer.byteLength(content);
  const name = content === "{}" ? '"registration_ids":' : ',"registration_ids":';
  const body = Buffer.allocUnsafe(contentBytes + name.length + idBytes);
  // from the closing brace on, which comes after the tokens
  const end = writeText(body, content, 0, contentBytes) - 1;
  writeText(body, ids, writeText(body, name, end, name.length), idBytes);
  body[body.length - 1] = CLOSING_BRACE;
  return body;
}

/**
 * Writes text into a body, in UTF-8. ASCII, such as a hundred kilobytes of tokens, is written several times faster as Latin-1; in one string
 * with text of another kind it would be as slow as that.
 *
 * @param bytes Length of the text in UTF-8.
 * @returns Position behind it.
 */
function writeText(body: Buffer, text: string, at: number, bytes: number): number {
  body.write(text, at, bytes === text.length ? "latin1" : "utf8");
  return at + bytes;
}

/**
 * Ends (exclusive) of the parts of a token list whose multicast bodies stay within both limits. A token that is too long by itself forms a
 * part of its own.
 * Says where each part ends.
 *
 * @param maxBytes Longest body, tokens and all. Unit: bytes.
 */
export function cutTokens(
  content: string,
  tokens: readonly RegistrationToken[],
  maxTokens: number,
  maxBytes: number,
): number[] {
  const room = maxBytes - encodeMulticast(content, []).length;
  const ends: number[] = [];
  for (let from = 0; from < tokens.length; from = ends.at(-1) as number) {
    const furthest = Math.min(from + maxTokens, tokens.length);
    let most = 0;
    for (let index = from; index < furthest; index++) {
      most += MAX_BYTES_PER_UNIT * (tokens[index] as string).length + TOKEN_FRAME;
    }
    ends.push(most <= room ? furthest : lastThatFits(tokens, from, furthest, room));
  }
  return ends;
}

/** A UTF-16 unit in JSON: `\u0000` at the worst. */
const MAX_BYTES_PER_UNIT = 6;
/** Two quotes and a comma. */
const TOKEN_FRAME = 3;

function lastThatFits(tokens: readonly RegistrationToken[], from: number, furthest: number, room: number): number {
  let bytes = -1; // the first has no comma before it
  let end = from;
  while (end < furthest) {
    bytes += Buffer.byteLength(JSON.stringify(tokens[end])) + 1;
    if (bytes > room && end > from) break;
    end++;
  }
  return end;
}

/**
 * Encodes a message to one token as a plain-text request.
 *
 * Source: docs/protocol/gcm-http.md#plain-text
 */
export function encodePlainText(message: DownstreamMessage, token: RegistrationToken): string {
  const form = new URLSearchParams({ registration_id: token });
  if (message.collapseKey !== undefined) form.set("collapse_key", message.collapseKey);
  if (message.delayWhileIdle) form.set("delay_while_idle", "1");
  if (message.timeToLiveSec !== undefined) form.set("time_to_live", String(message.timeToLiveSec));
  if (message.restrictedPackageName !== undefined) form.set("restricted_package_name", message.restrictedPackageName);
  if (message.dryRun) form.set("dry_run", "1");
  for (const [key, value] of Object.entries(message.data ?? {})) form.append(`data.${key}`, value);
  return form.toString();
}

/** Problems of a message that HTTP, or its plain-text format, cannot carry. */
export function unsendable(message: DownstreamMessage, format: GcmHttpFormat): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (message.deliveryReceiptRequested) {
    problems.push({
      path: "deliveryReceiptRequested",
      problem: "exists over CCS only: leave it out, or use the CCS client",
    });
  }
  if (message.messageId !== undefined) {
    problems.push({ path: "messageId", problem: "exists over CCS only: over HTTP the service gives the ID" });
  }
  if (format === "json") return problems;
  for (const field of JSON_ONLY) {
    if (message[field] !== undefined) {
      problems.push({ path: field, problem: 'cannot be written as plain text: use format "json"' });
    }
  }
  if (!("token" in message.target) && !("tokens" in message.target)) {
    problems.push({ path: "target", problem: 'plain text goes to tokens only: use format "json"' });
  }
  return problems;
}

const JSON_ONLY = ["notification", "priority", "contentAvailable", "mutableContent", "analyticsLabel"] as const;
