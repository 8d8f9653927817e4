import type { Decision, IncomingMessage, Refusal } from "@cloud-messaging/connection-server";
import type { ErrorCode, MessageContent, RecipientOutcome, SingleMessageInput } from "@cloud-messaging/core";
import { defined, isRefusalOfSender } from "@cloud-messaging/core/transport";
import { decodeGcmOptions } from "@cloud-messaging/core/wire";

/** Content of requests by their fields, which all recipients of a request share: read once, and kept as long as the request. */
const contents = new WeakMap<object, MessageContent>();

/** Translates a message of an old client. Source: docs/gateway.md#fields */
export function toMessage(incoming: IncomingMessage): SingleMessageInput {
  return { target: targetOf(incoming), ...contentOf(incoming) };
}

/** Length of JSON that no payload within the limit of 4096 bytes can have, whatever is escaped in it. Unit: characters. */
const MAX_CONTENT_CHARS = 65_536;
const sizes = new WeakMap<object, number>();

/**
 * True for content that is certainly above the limit of FCM. Read once for all recipients of a request: the sender's own check, for each of a
 * thousand, takes minutes for a body of the largest size.
 */
export function isFarTooBig({ fields = {}, wire }: IncomingMessage): boolean {
  if (wire.length <= MAX_CONTENT_CHARS) return false;
  let size = sizes.get(fields);
  if (size === undefined) {
    size = JSON.stringify({ ...fields, registration_ids: undefined }).length;
    sizes.set(fields, size);
  }
  return size > MAX_CONTENT_CHARS;
}

function contentOf({ fields = {}, data, protocol }: IncomingMessage): MessageContent {
  const known = contents.get(fields);
  if (known !== undefined) return known;
  const content: { -readonly [K in keyof MessageContent]: MessageContent[K] } = decodeGcmOptions(fields);
  if (Object.keys(data).length > 0) content.data = data;
  // CCS did not know it
  if (protocol === "ccs") delete content.restrictedPackageName;
  contents.set(fields, content);
  return content;
}

function targetOf({ address }: IncomingMessage): SingleMessageInput["target"] {
  switch (address.kind) {
    case "topic":
      return { topic: address.topic };
    case "condition":
      return { condition: address.condition };
    case "fid":
      return { fid: address.fid };
    case "group":
      return { notificationKey: address.notificationKey };
    case "token":
      return { token: address.token };
  }
}

/** Policy for a message that FCM may have accepted. */
export type InDoubt = "internal-error" | "accepted";

/**
 * Translates an outcome into the answer that the old service would have given. Source: docs/gateway.md#answers
 *
 * @param now Milliseconds since the epoch, for Retry-After.
 */
export function toDecision(outcome: RecipientOutcome, inDoubt: InDoubt, now: number): Decision {
  switch (outcome.kind) {
    case "accepted": {
      const canonical = outcome.canonicalRegistrationId ?? outcome.sentTo;
      return {
        kind: "accepted",
        messageId: shortId(outcome.messageId),
        ...(canonical === undefined || canonical === outcome.recipient ? {} : { canonicalToken: canonical }),
      };
    }
    case "ambiguous":
      return inDoubt === "accepted"
        ? { kind: "accepted", messageId: "0:unknown" }
        : {
            kind: "refused",
            code: "internal-error",
            detail: "FCM has not answered: the message may have been accepted",
          };
    case "retryable":
      return {
        kind: "refused",
        // rates of one device or topic have words of their own
        code: /^(device|topics)-message-rate-exceeded$/.test(outcome.code) ? outcome.code : "unavailable",
        ...retryAfter(outcome.retryAt, now),
        ...defined({ detail: outcome.detail }),
      };
    case "unregistered":
      return { kind: "refused", code: outcome.code };
    case "rejected":
      return rejection(outcome);
  }
}

/** True for a fault of the gateway's own: its sender is refused as a whole, or something on the way answers in FCM's place. */
export function isOwnFault(outcome: { readonly kind: string; readonly code: ErrorCode }): boolean {
  return isRefusalOfSender(outcome) || outcome.code === "unexpected-status";
}

/** A fault of the gateway's own is none of the client's: its registrations stay, and it tries again. */
function rejection(outcome: Extract<RecipientOutcome, { kind: "rejected" }>): Refusal {
  const { code, detail } = outcome;
  const own = isOwnFault(outcome);
  return {
    kind: "refused",
    code: own ? "internal-error" : code === "expired" ? "unavailable" : code,
    ...(own ? { detail: `The gateway cannot send for this project: ${code}` } : defined({ detail })),
  };
}

/** Value of Retry-After for a time, milliseconds since the epoch; none where that is not known or has passed. */
export function retryAfter(retryAt: number | undefined, now: number): { readonly retryAfter?: string } {
  if (retryAt === undefined || retryAt <= now) return {};
  return { retryAfter: String(Math.ceil((retryAt - now) / 1000)) };
}

/** The last part of FCM's `projects/…/messages/…`. */
function shortId(name: string | undefined): string {
  return name?.slice(name.lastIndexOf("/") + 1) ?? "0:unknown";
}
