import { defined, MAX_TIME_TO_LIVE_SEC, payloadBytes } from "@cloud-messaging/core/transport";
import type { FcmV1Message } from "@cloud-messaging/core/wire";
import type { MessageContent, Platform, Refusal } from "../service.ts";

/** Content of a message for a platform: the platform's own block replaces the general fields or adds to them. */
export function contentFor(platform: Platform, message: FcmV1Message, nowMs: number): MessageContent {
  switch (platform) {
    case "android":
      return androidContent(message);
    case "ios":
      return appleContent(message, nowMs);
    case "web":
      return webContent(message);
  }
}

function androidContent(message: FcmV1Message): MessageContent {
  const { android, android_v2: v2 } = message;
  const block = android ?? v2;
  const data = block?.data ?? message.data ?? {};
  const notification = orNothing({
    ...message.notification,
    ...android?.notification,
    ...v2?.remote_notification?.notification,
  });
  return {
    data,
    notification,
    collapseKey: block?.collapse_key,
    priority: android?.priority?.toLowerCase(),
    restrictedPackageName: block?.restricted_package_name,
    timeToLiveSec: block?.ttl === undefined ? MAX_TIME_TO_LIVE_SEC : Math.floor(Number.parseFloat(block.ttl)),
    payloadBytes: payloadBytes(data) + notificationBytes(notification),
  };
}

/** Source: docs/emulator-fidelity.md#fcm-http-v1; protocol reference 7.4 for priorities. */
function appleContent(message: FcmV1Message, nowMs: number): MessageContent {
  const { apns } = message;
  const headers = lowerCaseNames(apns?.headers);
  const { aps: rawAps, ...custom } = apns?.payload ?? {};
  const aps = (typeof rawAps === "object" && rawAps !== null ? rawAps : {}) as Record<string, unknown>;
  const { alert, sound, badge } = aps;
  const image = apns?.fcm_options?.image;
  const notification = orNothing({
    ...message.notification,
    ...(typeof alert === "string" ? { body: alert } : typeof alert === "object" && alert !== null ? alert : {}),
    ...defined({ sound, badge, image }),
  });
  const own = Object.entries(custom).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const priority = headers.get("apns-priority");
  return {
    data: { ...message.data, ...(Object.fromEntries(own) as Record<string, string>) },
    notification,
    collapseKey: headers.get("apns-collapse-id"),
    priority: priority === undefined ? undefined : priority === "10" ? "high" : "normal",
    restrictedPackageName: undefined,
    timeToLiveSec: appleLifetime(headers.get("apns-expiration"), nowMs),
    payloadBytes:
      payloadBytes(message.data ?? {}) +
      (alert === undefined ? notificationBytes(message.notification) : 0) +
      (apns?.payload === undefined ? 0 : Buffer.byteLength(JSON.stringify(apns.payload))),
    refusal: appleRefusal(headers, shows(notification), apns?.live_activity_token !== undefined),
  };
}

/** Refusal of a message to an Apple device; `undefined` for none. */
function appleRefusal(
  headers: ReadonlyMap<string, string>,
  shows: boolean,
  liveActivity: boolean,
): Refusal | undefined {
  const invalid = (detail: string): Refusal => ({ kind: "refused", code: "invalid-argument", detail });
  const priority = headers.get("apns-priority");
  if (priority !== undefined && !/^(1|5|10)$/.test(priority)) return invalid("apns-priority must be 1, 5 or 10");
  const expiration = headers.get("apns-expiration");
  if (expiration !== undefined && !/^\d+$/.test(expiration)) {
    return invalid("apns-expiration must be seconds since the epoch");
  }
  const collapseId = headers.get("apns-collapse-id") ?? "";
  if (Buffer.byteLength(collapseId) > 64) return invalid("apns-collapse-id must have at most 64 bytes");
  const type = headers.get("apns-push-type");
  const ofOtherType = liveActivity || (type !== undefined && type !== "alert" && type !== "background");
  if (priority !== "10" || ofOtherType || (shows && type !== "background")) return undefined;
  // public reports have the words of a bad token: the reason is for the inbox alone
  return {
    kind: "refused",
    code: "invalid-registration",
    detail: "a message that shows nothing on an Apple device must have apns-priority 5, and has 10",
  };
}

/** Seconds that are left until `apns-expiration`; 0 is now or never, and a time that has passed likewise. */
function appleLifetime(expiration: string | undefined, nowMs: number): number {
  if (expiration === undefined || !/^\d+$/.test(expiration)) return MAX_TIME_TO_LIVE_SEC;
  return Math.min(MAX_TIME_TO_LIVE_SEC, Math.max(0, Math.floor(Number(expiration) - nowMs / 1000)));
}

function webContent(message: FcmV1Message): MessageContent {
  const { webpush } = message;
  const headers = lowerCaseNames(webpush?.headers);
  const data = webpush?.data ?? message.data ?? {};
  const notification = orNothing({ ...message.notification, ...webpush?.notification });
  const ttl = headers.get("ttl");
  const urgency = headers.get("urgency");
  return {
    data,
    notification,
    collapseKey: headers.get("topic"),
    priority: urgency === undefined ? undefined : urgency === "high" ? "high" : "normal",
    restrictedPackageName: undefined,
    timeToLiveSec:
      ttl !== undefined && /^\d+$/.test(ttl) ? Math.min(MAX_TIME_TO_LIVE_SEC, Number(ttl)) : MAX_TIME_TO_LIVE_SEC,
    payloadBytes: payloadBytes(data) + notificationBytes(notification),
    refusal: webRefusal(headers),
  };
}

/** Headers that a push service refuses. Source: RFC 8030, sections 5.2 to 5.4. */
function webRefusal(headers: ReadonlyMap<string, string>): Refusal | undefined {
  const invalid = (detail: string): Refusal => ({ kind: "refused", code: "invalid-argument", detail });
  const [ttl, urgency, topic] = [headers.get("ttl"), headers.get("urgency"), headers.get("topic")];
  if (ttl !== undefined && !/^\d+$/.test(ttl)) return invalid("the header TTL must be whole seconds");
  if (urgency !== undefined && !/^(very-low|low|normal|high)$/.test(urgency)) {
    return invalid("the header Urgency must be very-low, low, normal or high");
  }
  if (topic !== undefined && !/^[A-Za-z0-9\-_]{1,32}$/.test(topic)) {
    return invalid("the header Topic must have 1 to 32 characters of the URL-safe base64 alphabet");
  }
  return undefined;
}

function lowerCaseNames(headers: Readonly<Record<string, string>> = {}): ReadonlyMap<string, string> {
  return new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** True if a notification shows or sounds on an Apple device; a picture alone does neither. */
function shows(notification: Readonly<Record<string, unknown>> = {}): boolean {
  return Object.entries(notification).some(([name, value]) => name !== "image" && value !== "" && value !== null);
}

function orNothing<T extends object>(notification: T): T | undefined {
  return Object.keys(notification).length === 0 ? undefined : notification;
}

/** Names and values, as of `data`: over v1 the limit is one for both. */
function notificationBytes(notification: Readonly<Record<string, unknown>> = {}): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(notification)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(typeof value === "string" ? value : JSON.stringify(value));
  }
  return bytes;
}
