import { createHash } from "node:crypto";
import {
  type AndroidNotification,
  type DownstreamMessage,
  type FcmV1Android,
  type FcmV1AndroidNotification,
  type FcmV1Apns,
  type FcmV1Message,
  type FcmV1Webpush,
  isFid,
  type MessageContent,
  type Notification,
  type RegistrationToken,
  type Target,
} from "@cloud-messaging/core";

/** The part of a v1 message that says where it goes: exactly one field. */
export type FcmV1Address = { token: string } | { fid: string } | { topic: string } | { condition: string };

/** Longest `apns-collapse-id` that Apple takes. Unit: bytes. Source: docs/protocol/fcm-v1.md#collapse */
const MAX_APNS_COLLAPSE_BYTES = 64;
/** What a web push `Topic` may look like. Source: docs/protocol/fcm-v1.md#collapse */
const WEB_TOPIC = /^[A-Za-z0-9_-]{1,32}$/;
const WEB_ICON = /^(https?:\/\/|\/)/;
const HTTPS_URL = /^https:\/\/[^\s/]+/;

/** Writes the bodies of one message: what its recipients share is written once. */
export interface FcmV1Encoder {
  /** The JSON body of the request to one recipient. */
  bodyFor(address: FcmV1Address): string;
}

/**
 * Prepares a message for `messages:send`.
 *
 * @param now Milliseconds since the epoch. Asked again for each body: `apns-expiration` is a point in time, and the last of many
 * recipients may be written to minutes after the first.
 */
export function createFcmV1Encoder(message: MessageContent, now: () => number): FcmV1Encoder {
  const { timeToLiveSec = 0 } = message;
  let secondOfTail = Number.NaN;
  let tail = "";
  return {
    bodyFor(address) {
      const second = timeToLiveSec === 0 ? 0 : Math.floor(now() / 1000);
      if (second !== secondOfTail) {
        tail = encodeTail(message, second * 1000);
        secondOfTail = second;
      }
      return `{"message":${JSON.stringify(address).slice(0, -1)}${tail}`;
    },
  };
}

/** The body from behind the address on. */
function encodeTail(message: MessageContent, now: number): string {
  const content = JSON.stringify(encodeFcmV1Content(message, now));
  const rest = content === "{}" ? "" : `,${content.slice(1, -1)}`;
  return `${rest}}${message.dryRun ? ',"validate_only":true' : ""}}`;
}

/** Where each recipient of a target is, in order. A device group's key travels as a token, and an installation ID as `fid`. */
export function addressesOf(target: Target): readonly FcmV1Address[] {
  if ("tokens" in target) return target.tokens.map(addressOf);
  if ("token" in target) return [addressOf(target.token)];
  if ("fid" in target) return [{ fid: target.fid }];
  if ("topic" in target) return [{ topic: target.topic }];
  if ("condition" in target) return [{ condition: target.condition }];
  return [{ token: target.notificationKey }];
}

/** Where a registration is: the store puts an installation ID in the place of a token it supersedes. */
function addressOf(token: RegistrationToken): FcmV1Address {
  return isFid(token) ? { fid: token } : { token };
}

/**
 * Everything of a v1 message but where it goes, field by field as the migration table has it; then the `android`, `apns` and `webpush`
 * blocks, which win over what was made from a general field.
 *
 * Source: docs/protocol/fcm-v1.md#mapping
 *
 * @param now Milliseconds since the epoch.
 */
export function encodeFcmV1Content(message: MessageContent, now: number): FcmV1Message {
  const { data, notification, analyticsLabel } = message;
  const content: FcmV1Message = {};
  if (data !== undefined && !isEmpty(data)) content.data = data;
  if (notification !== undefined) content.notification = pick(notification, GENERAL_FIELDS);
  content.android = encodeAndroid(message);
  content.apns = encodeApns(message, now);
  content.webpush = encodeWebpush(message);
  if (analyticsLabel !== undefined) content.fcm_options = { analytics_label: analyticsLabel };
  return content;
}

const GENERAL_FIELDS = { title: "title", body: "body", image: "image" } as const;

/** The fields of an Android notification whose values travel as they are. */
const ANDROID_FIELDS = {
  title: "title",
  body: "body",
  icon: "icon",
  color: "color",
  sound: "sound",
  tag: "tag",
  clickAction: "click_action",
  bodyLocKey: "body_loc_key",
  bodyLocArgs: "body_loc_args",
  titleLocKey: "title_loc_key",
  titleLocArgs: "title_loc_args",
  channelId: "channel_id",
  ticker: "ticker",
  sticky: "sticky",
  eventTime: "event_time",
  localOnly: "local_only",
  defaultSound: "default_sound",
  defaultVibrateTimings: "default_vibrate_timings",
  defaultLightSettings: "default_light_settings",
  notificationCount: "notification_count",
  image: "image",
} as const satisfies Partial<Record<keyof AndroidNotification, keyof FcmV1AndroidNotification>>;

/** The fields of the general notification that only Android has, or has under another name. Title, body and image are inherited. */
const GENERAL_ANDROID_FIELDS = {
  tag: "tag",
  color: "color",
  clickAction: "click_action",
  androidChannelId: "channel_id",
  bodyLocKey: "body_loc_key",
  bodyLocArgs: "body_loc_args",
  titleLocKey: "title_loc_key",
  titleLocArgs: "title_loc_args",
} as const satisfies Partial<Record<keyof Notification, keyof FcmV1AndroidNotification>>;

// Fields are set one by one here and below, and not spread together: this runs for every send.
function encodeAndroid(message: MessageContent): FcmV1Android {
  const { android: own, notification } = message;
  const collapseKey = own?.collapseKey ?? message.collapseKey;
  const timeToLiveSec = own?.timeToLiveSec ?? message.timeToLiveSec;
  const packageName = own?.restrictedPackageName ?? message.restrictedPackageName;
  const android: FcmV1Android = {};
  if (collapseKey !== undefined) android.collapse_key = collapseKey;
  // stated even where the caller left it open: the default of v1 is not that of GCM
  const shows = own?.notification !== undefined;
  android.priority = (own?.priority ?? priorityOf(message, shows)) === "high" ? "HIGH" : "NORMAL";
  if (timeToLiveSec !== undefined) android.ttl = durationOf(timeToLiveSec);
  if (packageName !== undefined) android.restricted_package_name = packageName;
  if (notification !== undefined || own?.notification !== undefined) {
    const shown = {
      ...(notification === undefined ? {} : encodeGeneralForAndroid(notification)),
      ...(own?.notification === undefined ? {} : encodeAndroidNotification(own.notification)),
    };
    if (!isEmpty(shown)) android.notification = shown;
  }
  if (own === undefined) return android;
  if (own.data !== undefined) android.data = own.data;
  if (own.analyticsLabel !== undefined) android.fcm_options = { analytics_label: own.analyticsLabel };
  if (own.directBootOk !== undefined) android.direct_boot_ok = own.directBootOk;
  if (own.bandwidthConstrainedOk !== undefined) android.bandwidth_constrained_ok = own.bandwidthConstrainedOk;
  if (own.restrictedSatelliteOk !== undefined) android.restricted_satellite_ok = own.restrictedSatelliteOk;
  return android;
}

/**
 * The priority a message has: as GCM took it where none is given, normal for data and high for notifications.
 *
 * @param shows The platform's own block makes it a notification there.
 */
function priorityOf(message: MessageContent, shows: boolean): "normal" | "high" {
  return message.priority ?? (message.notification === undefined && !shows ? "normal" : "high");
}

function encodeGeneralForAndroid(notification: Notification): FcmV1AndroidNotification {
  const { icon, sound } = notification;
  return {
    ...pick(notification, GENERAL_ANDROID_FIELDS),
    ...(icon === undefined || WEB_ICON.test(icon) ? {} : { icon }),
    // an object describes a critical alert, which only iOS knows
    ...(typeof sound === "string" ? { sound } : {}),
  };
}

function encodeAndroidNotification(own: AndroidNotification): FcmV1AndroidNotification {
  const light = own.lightSettings;
  return {
    ...pick(own, ANDROID_FIELDS),
    ...(own.notificationPriority === undefined
      ? {}
      : { notification_priority: `PRIORITY_${upper(own.notificationPriority)}` as const }),
    ...(own.vibrateTimingsMs === undefined
      ? {}
      : { vibrate_timings: own.vibrateTimingsMs.map((ms) => durationOf(ms / 1000)) }),
    ...(own.visibility === undefined ? {} : { visibility: upper(own.visibility) }),
    ...(light === undefined
      ? {}
      : {
          light_settings: {
            color: colorOf(light.color),
            light_on_duration: durationOf(light.lightOnDurationMs / 1000),
            light_off_duration: durationOf(light.lightOffDurationMs / 1000),
          },
        }),
    ...(own.proxy === undefined ? {} : { proxy: PROXIES[own.proxy] }),
  };
}

const PROXIES = { allow: "ALLOW", deny: "DENY", "if-priority-lowered": "IF_PRIORITY_LOWERED" } as const;

function encodeApns(message: MessageContent, now: number): FcmV1Apns {
  const { timeToLiveSec, collapseKey, apns: own } = message;
  const { alert, badge, sound } = own?.payload?.aps ?? {};
  const shows = alert !== undefined || badge !== undefined || sound !== undefined;
  const headers: Record<string, string> = { "apns-priority": priorityOf(message, shows) === "high" ? "10" : "5" };
  if (timeToLiveSec !== undefined) {
    headers["apns-expiration"] = timeToLiveSec === 0 ? "0" : String(Math.floor(now / 1000) + timeToLiveSec);
  }
  if (collapseKey !== undefined) {
    headers["apns-collapse-id"] =
      Buffer.byteLength(collapseKey) <= MAX_APNS_COLLAPSE_BYTES ? collapseKey : shortened(collapseKey);
  }
  const apns: FcmV1Apns = { headers: withOwnHeaders(headers, own?.headers) };
  const aps = encodeAps(message);
  if (own === undefined) {
    if (aps !== undefined) apns.payload = { aps };
    return apns;
  }
  const payload = { ...own.payload, ...(aps === undefined ? {} : { aps: { ...aps, ...own.payload?.aps } }) };
  if (!isEmpty(payload)) apns.payload = payload;
  const options: NonNullable<FcmV1Apns["fcm_options"]> = {};
  if (own.analyticsLabel !== undefined) options.analytics_label = own.analyticsLabel;
  if (own.image !== undefined) options.image = own.image;
  if (!isEmpty(options)) apns.fcm_options = options;
  if (own.liveActivityToken !== undefined) apns.live_activity_token = own.liveActivityToken;
  return apns;
}

/** What goes into `aps`; `undefined` when nothing does. */
function encodeAps({ contentAvailable, mutableContent, notification }: MessageContent): object | undefined {
  const aps: Record<string, unknown> = {};
  if (notification !== undefined) {
    const alert = encodeAlert(notification);
    if (alert !== undefined) aps["alert"] = alert;
    if (notification.badge !== undefined) aps["badge"] = notification.badge;
    if (notification.sound !== undefined) aps["sound"] = notification.sound;
    if (notification.clickAction !== undefined) aps["category"] = notification.clickAction;
  }
  if (contentAvailable) aps["content-available"] = 1;
  if (mutableContent) aps["mutable-content"] = 1;
  return isEmpty(aps) ? undefined : aps;
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
    const shown = { ...(webIcon === undefined ? {} : { icon: webIcon }), ...own?.notification };
    if (!isEmpty(shown)) webpush.notification = shown;
  }
  const click = notification?.clickAction;
  const link = own?.link ?? (click !== undefined && HTTPS_URL.test(click) ? click : undefined);
  if (link !== undefined || own?.analyticsLabel !== undefined) {
    webpush.fcm_options = {
      ...(link === undefined ? {} : { link }),
      ...(own?.analyticsLabel === undefined ? {} : { analytics_label: own.analyticsLabel }),
    };
  }
  return webpush;
}

/** One thing a message asks for that v1 has no word for. */
export interface WithoutV1Meaning {
  /** Path of the field: `delayWhileIdle`. */
  readonly field: string;
  /** What becomes of it, and what to use instead. */
  readonly detail: string;
}

/**
 * What of a message has no meaning over v1. The caller hears of each once; the message is sent without it.
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

/** A duration as proto3 JSON writes it: `3.5s`. */
function durationOf(seconds: number): string {
  return `${seconds.toFixed(9).replace(/\.?0+$/, "")}s`;
}

/** `#rrggbb` or `#rrggbbaa` as four numbers from 0 to 1. */
function colorOf(hex: string): { red: number; green: number; blue: number; alpha: number } {
  const part = (at: number): number => Number.parseInt(hex.slice(at, at + 2) || "ff", 16) / 255;
  return { red: part(1), green: part(3), blue: part(5), alpha: part(7) };
}

/** A key that is too long for a platform, always the same for the same key: 32 characters. */
function shortened(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 32);
}

/** Header names count without regard to case: the caller's own takes the place of ours. */
function withOwnHeaders(
  headers: Record<string, string>,
  own: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  if (own === undefined) return headers;
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...own };
}

function upper<T extends string>(text: T): Uppercase<T> {
  return text.toUpperCase() as Uppercase<T>;
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** The fields that are set, under the names of the wire. */
function pick<T extends object, N extends Partial<Record<keyof T, string>>>(
  from: T,
  names: N,
): { [K in keyof N & keyof T as N[K] & string]?: Exclude<T[K], undefined> } {
  const picked: Record<string, unknown> = {};
  for (const [field, name] of Object.entries(names)) {
    const value = (from as Record<string, unknown>)[field];
    if (value !== undefined) picked[name as string] = value;
  }
  return picked as ReturnType<typeof pick<T, N>>;
}
