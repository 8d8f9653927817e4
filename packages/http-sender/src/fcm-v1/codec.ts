import type { DownstreamMessage, InstallationId, MessageContent, RegistrationToken } from "@cloud-messaging/core";
import { defined, isFid, type Target } from "@cloud-messaging/core/transport";
import type { FcmV1Message, FcmV1Webpush } from "@cloud-messaging/core/wire";
import { encodeAndroid, encodeAndroidV2 } from "./codec-android.ts";
import { encodeApns } from "./codec-apns.ts";
import { isEmpty, pick, priorityOf, shortened, WEB_ICON, withOwnHeaders } from "./codec-parts.ts";
import type { RecipientKind } from "./quota-failure.ts";

/** Address part of a v1 message: exactly one field. */
export type FcmV1Address = { token: string } | { fid: InstallationId } | { topic: string } | { condition: string };

/** Form of a web push `Topic`. Source: docs/protocol/fcm-v1.md#collapse */
const WEB_TOPIC = /^[A-Za-z0-9_-]{1,32}$/;
const HTTPS_URL = /^https:\/\/[^\s/]+/;

/** Encodes the request bodies of one message. */
export interface FcmV1Encoder {
  /** The JSON body of the request to one recipient; `undefined` when its time to live has passed. */
  bodyFor(address: FcmV1Address): string | undefined;
}

/**
 * Creates the encoder of a message for `messages:send`.
 *
 * @param now Milliseconds since the epoch. Read for each body: `apns-expiration` is absolute, and the last of many
 * recipients may be written to minutes after the first.
 * @param alive Returns the message with the remaining time to live; `undefined` once it has expired.
 */
export function createFcmV1Encoder(
  message: MessageContent,
  now: () => number,
  alive: () => MessageContent | undefined = () => message,
): FcmV1Encoder {
  let secondOfContent = Number.NaN;
  let leftAtContent: number | undefined;
  let content: FcmV1Message = {};
  /** The latest body, asked for again at the moment of writing. */
  let latestAddress: FcmV1Address | undefined;
  let latestBody = "";
  return {
    bodyFor(address) {
      const living = alive();
      if (living === undefined) return undefined;
      const { timeToLiveSec = 0 } = living;
      const second = timeToLiveSec === 0 ? 0 : Math.floor(now() / 1000);
      if (second !== secondOfContent || timeToLiveSec !== leftAtContent) {
        content = encodeFcmV1Content(living, second * 1000);
        secondOfContent = second;
        leftAtContent = timeToLiveSec;
      } else if (address === latestAddress) return latestBody;
      latestAddress = address;
      latestBody = JSON.stringify({
        message: addressed(content, address),
        validate_only: living.dryRun ? true : undefined,
      });
      return latestBody;
    },
  };
}

/** Puts an address in the place of the latest one. Not in a copy: to spread the content costs as much as to write its JSON. */
function addressed(
  content: { [K in keyof FcmV1Message]: FcmV1Message[K] | undefined },
  { token, fid, topic, condition }: { [K in keyof FcmV1Message]?: FcmV1Message[K] | undefined },
): object {
  content.token = token;
  content.fid = fid;
  content.topic = topic;
  content.condition = condition;
  return content;
}

/** The address of each recipient of a target, in order. A device group's key travels as a token, and an installation ID as `fid`. */
export function addressesOf(target: Target): readonly FcmV1Address[] {
  if ("tokens" in target) return target.tokens.map(addressOf);
  if ("token" in target) return [addressOf(target.token)];
  if ("fid" in target) return [{ fid: target.fid }];
  if ("topic" in target) return [{ topic: target.topic }];
  if ("condition" in target) return [{ condition: target.condition }];
  return [{ token: target.notificationKey }];
}

/** The kind of recipient, for what an answer means. */
export function recipientKindOf(target: Target): RecipientKind {
  if ("topic" in target || "condition" in target) return "topic";
  return "notificationKey" in target ? "group" : "device";
}

/** The address of a registration: the store puts an installation ID in the place of a token it supersedes. */
function addressOf(token: RegistrationToken): FcmV1Address {
  return isFid(token) ? { fid: token } : { token };
}

/**
 * Encodes a v1 message without its address: the general fields by the migration table, then the `android` (or `androidV2`), `apns` and
 * `webpush` blocks, which take precedence.
 *
 * Source: docs/protocol/fcm-v1.md#mapping
 *
 * @param now Milliseconds since the epoch.
 */
export function encodeFcmV1Content(message: MessageContent, now: number): FcmV1Message {
  const { data, notification, analyticsLabel, androidV2 } = message;
  const content: FcmV1Message = {};
  if (data !== undefined && !isEmpty(data)) content.data = data;
  if (notification !== undefined) content.notification = pick(notification, GENERAL_FIELDS);
  if (androidV2 === undefined) content.android = encodeAndroid(message);
  else content.android_v2 = encodeAndroidV2(message, androidV2);
  const apns = encodeApns(message, now);
  if (!isEmpty(apns)) content.apns = apns;
  content.webpush = encodeWebpush(message);
  if (analyticsLabel !== undefined) content.fcm_options = { analytics_label: analyticsLabel };
  return content;
}

const GENERAL_FIELDS = { title: "title", body: "body", image: "image" } as const;

function encodeWebpush(message: MessageContent): FcmV1Webpush {
  const { notification, timeToLiveSec, collapseKey, webpush: own } = message;
  const headers: Record<string, string> = { Urgency: priorityOf(message, own?.notification !== undefined) };
  if (timeToLiveSec !== undefined) headers["TTL"] = String(timeToLiveSec);
  if (collapseKey !== undefined) headers["Topic"] = WEB_TOPIC.test(collapseKey) ? collapseKey : shortened(collapseKey);
  const webpush: FcmV1Webpush = { headers: withOwnHeaders(headers, own?.headers) };
  if (own?.data !== undefined) webpush.data = own.data;
  const icon = notification?.icon;
  const webIcon = icon !== undefined && WEB_ICON.test(icon) ? icon : undefined;
  if (webIcon !== undefined || own?.notification !== undefined) {
    const shown = { ...defined({ icon: webIcon }), ...own?.notification };
    if (!isEmpty(shown)) webpush.notification = shown;
  }
  const click = notification?.clickAction;
  const link = own?.link ?? (click !== undefined && HTTPS_URL.test(click) ? click : undefined);
  if (link !== undefined || own?.analyticsLabel !== undefined) {
    webpush.fcm_options = defined({ link, analytics_label: own?.analyticsLabel });
  }
  return webpush;
}

/** A field without an equivalent in v1. */
export interface WithoutV1Meaning {
  /** Path of the field: `delayWhileIdle`. */
  readonly field: string;
  /** Fate of the field, and its replacement. */
  readonly detail: string;
}

/**
 * Lists the fields of a message without an equivalent in v1.
 *
 * Source: docs/protocol/fcm-v1.md#no-equivalent
 */
export function withoutV1Meaning(message: DownstreamMessage): readonly WithoutV1Meaning[] {
  const found: WithoutV1Meaning[] = [];
  if (message.delayWhileIdle) {
    found.push({ field: "delayWhileIdle", detail: "it has had no effect since November 2016, use priority normal" });
  }
  if (message.deliveryReceiptRequested) {
    found.push({
      field: "deliveryReceiptRequested",
      detail: "FCM HTTP v1 has no receipts: export delivery data to BigQuery, or let the app report",
    });
  }
  if (message.messageId !== undefined) {
    found.push({ field: "messageId", detail: "FCM HTTP v1 names messages itself: see messageId of the outcome" });
  }
  if ("notificationKey" in message.target && message.target.notificationKeyName !== undefined) {
    found.push({ field: "target.notificationKeyName", detail: "FCM HTTP v1 does not check a group's name" });
  }
  return found;
}
