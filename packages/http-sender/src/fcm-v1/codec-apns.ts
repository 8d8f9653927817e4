import type { MessageContent, Notification } from "@cloud-messaging/core";
import { apnsPushType } from "@cloud-messaging/core/transport";
import type { FcmV1Apns } from "@cloud-messaging/core/wire";
import { isEmpty, pick, priorityOf, shortened, withOwnHeaders } from "./codec-parts.ts";

/** Longest `apns-collapse-id` that Apple takes. Unit: bytes. Source: docs/protocol/fcm-v1.md#collapse */
const MAX_APNS_COLLAPSE_BYTES = 64;

/**
 * The `apns` block: the general fields, and what the message's own block says in their place.
 *
 * @param now Milliseconds since the epoch.
 */
export function encodeApns(message: MessageContent, now: number): FcmV1Apns {
  const { timeToLiveSec, collapseKey, apns: own } = message;
  const image = own?.image ?? message.notification?.image;
  const general = encodeAps(message, image !== undefined);
  const aps = own?.payload?.aps === undefined ? general : { ...general, ...own.payload.aps };
  const headers = priorityHeaders(message, aps);
  if (timeToLiveSec !== undefined) {
    headers["apns-expiration"] = timeToLiveSec === 0 ? "0" : String(Math.floor(now / 1000) + timeToLiveSec);
  }
  if (collapseKey !== undefined) {
    headers["apns-collapse-id"] =
      Buffer.byteLength(collapseKey) <= MAX_APNS_COLLAPSE_BYTES ? collapseKey : shortened(collapseKey);
  }
  const apns: FcmV1Apns = {};
  const ownHeaders = withOwnHeaders(headers, own?.headers);
  if (!isEmpty(ownHeaders)) apns.headers = ownHeaders;
  if (own?.payload?.aps !== undefined || !isEmpty(aps)) apns.payload = { ...own?.payload, aps };
  else if (own?.payload !== undefined && !isEmpty(own.payload)) apns.payload = { ...own.payload };
  const options: NonNullable<FcmV1Apns["fcm_options"]> = {};
  if (own?.analyticsLabel !== undefined) options.analytics_label = own.analyticsLabel;
  if (image !== undefined) options.image = image;
  if (!isEmpty(options)) apns.fcm_options = options;
  if (own?.liveActivityToken !== undefined) apns.live_activity_token = own.liveActivityToken;
  return apns;
}

/**
 * Headers for Apple's priority and kind of push. FCM refuses a priority of 10 where nothing shows or sounds on the device; a call, a Live Activity and
 * the other kinds of push have rules of their own, so theirs is left to Apple's default.
 *
 * Source: docs/protocol/fcm-v1.md#apple-priority
 *
 * @param aps All of it, the caller's own included.
 */
function priorityHeaders(message: MessageContent, aps: Aps): Record<string, string> {
  const { notification, apns: own } = message;
  const pushType = own && apnsPushType(own);
  if (own?.liveActivityToken !== undefined) return {};
  if (pushType !== undefined && pushType !== "alert" && pushType !== "background") return {};
  const shows =
    isSomething(notification?.title) ||
    isSomething(notification?.body) ||
    isSomething(aps["alert"]) ||
    isSomething(aps["badge"]) ||
    isSomething(aps["sound"]);
  if (!shows && aps["content-available"] === 1) return { "apns-priority": "5", "apns-push-type": "background" };
  // APNs refuses any other priority for what is called a background push, whatever is in it
  if (!shows || pushType === "background") return { "apns-priority": "5" };
  return { "apns-priority": priorityOf(message, shows) === "high" ? "10" : "5" };
}

/** An empty text or object shows no more than one that was left out. */
function isSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "" && (typeof value !== "object" || !isEmpty(value));
}

type Aps = Readonly<Record<string, unknown>>;

/** The part of `aps` that the general fields make. */
function encodeAps({ contentAvailable, mutableContent, notification }: MessageContent, hasImage: boolean): Aps {
  const aps: Record<string, unknown> = {};
  if (notification !== undefined) {
    const alert = encodeAlert(notification);
    if (alert !== undefined) aps["alert"] = alert;
    if (notification.badge !== undefined) aps["badge"] = notification.badge;
    if (notification.sound !== undefined) aps["sound"] = notification.sound;
    if (notification.clickAction !== undefined) aps["category"] = notification.clickAction;
  }
  if (contentAvailable) aps["content-available"] = 1;
  // a picture is fetched by the app's notification service extension, which is not asked without it
  if (mutableContent ?? hasImage) aps["mutable-content"] = 1;
  return aps;
}

const ALERT_FIELDS = {
  subtitle: "subtitle",
  bodyLocKey: "loc-key",
  bodyLocArgs: "loc-args",
  titleLocKey: "title-loc-key",
  titleLocArgs: "title-loc-args",
} as const;

function encodeAlert(notification: Notification): object | undefined {
  const alert: Record<string, unknown> = pick(notification, ALERT_FIELDS);
  if (isEmpty(alert)) return undefined;
  // an alert given here takes the place of the general title and body, so they have to be in it
  if (notification.title !== undefined) alert["title"] = notification.title;
  if (notification.body !== undefined) alert["body"] = notification.body;
  return alert;
}
