import type { DownstreamMessage, FieldProblem, RegistrationToken } from "@cloud-messaging/core";
import { encodeGcmOptions, type GcmHttpRequest } from "@cloud-messaging/core/wire";

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
  const head = `${content.slice(0, -1)}${content === "{}" ? "" : ","}"registration_ids":`;
  const ids = JSON.stringify(tokens);
  const headBytes = Buffer.byteLength(head);
  // Tokens are ASCII, and a hundred kilobytes of them are written several times faster as that. The content may be anything; in one
  // string with it they would be as slow as it.
  if (Buffer.byteLength(ids) !== ids.length) return Buffer.from(`${head}${ids}}`);
  const body = Buffer.allocUnsafe(headBytes + ids.length + 1);
  body.write(head, 0, "utf8");
  body.write(ids, headBytes, "latin1");
  body[body.length - 1] = 0x7d; // }
  return body;
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
