import type { Android, AndroidV2, MessageContent, Notification } from "@cloud-messaging/core";
import { type AndroidNotification, defined } from "@cloud-messaging/core/transport";
import type {
  FcmV1Android,
  FcmV1AndroidNotification,
  FcmV1AndroidV2,
  FcmV1AndroidV2Notification,
} from "@cloud-messaging/core/wire";
import { isEmpty, pick, priorityOf, WEB_ICON } from "./codec-parts.ts";

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
  bypassProxyNotification: "bypass_proxy_notification",
} as const satisfies Partial<Record<keyof AndroidNotification, keyof FcmV1AndroidNotification>>;

/** The fields of the general notification that only Android has, or has under another name. Title, body and image are inherited. */
const GENERAL_ANDROID_FIELDS = {
  tag: "tag",
  color: "color",
  clickAction: "click_action",
  androidChannelId: "channel_id",
  notificationCount: "notification_count",
  bodyLocKey: "body_loc_key",
  bodyLocArgs: "body_loc_args",
  titleLocKey: "title_loc_key",
  titleLocArgs: "title_loc_args",
} as const satisfies Partial<Record<keyof Notification, keyof FcmV1AndroidNotification>>;

/** The `android` block: the general fields, and what the message's own block says in their place. */
export function encodeAndroid(message: MessageContent): FcmV1Android {
  const { android: own } = message;
  const android: FcmV1Android = encodeCommon(message, own);
  // stated even where the caller left it open: the default of v1 is not that of GCM
  const shows = own?.notification !== undefined;
  android.priority = (own?.priority ?? priorityOf(message, shows)) === "high" ? "HIGH" : "NORMAL";
  const shown = encodeShown(message.notification, own?.notification);
  if (!isEmpty(shown)) android.notification = shown;
  return android;
}

/** The `android_v2` block. Source: docs/protocol/fcm-v1.md#android-v2 */
export function encodeAndroidV2(message: MessageContent, own: AndroidV2): FcmV1AndroidV2 {
  const android: FcmV1AndroidV2 = encodeCommon(message, own);
  const { remoteNotification: remote, backgroundSync } = own;
  if (backgroundSync !== undefined) android.background_sync = {};
  if (remote === undefined) return android;
  const notification: FcmV1AndroidV2Notification = encodeShown(message.notification, remote.notification);
  if (remote.notification.id !== undefined) notification.id = remote.notification.id;
  android.remote_notification = { notification };
  if (remote.mutableContent !== undefined) android.remote_notification.mutable_content = remote.mutableContent;
  if (remote.useAsV1DataMessage !== undefined) {
    android.remote_notification.use_as_v1_data_message = remote.useAsV1DataMessage;
  }
  return android;
}

// fields are set one by one, and not spread together: this runs for every send
function encodeCommon(message: MessageContent, own: Android | AndroidV2 | undefined): FcmV1Common {
  const collapseKey = own?.collapseKey ?? message.collapseKey;
  const timeToLiveSec = own?.timeToLiveSec ?? message.timeToLiveSec;
  const packageName = own?.restrictedPackageName ?? message.restrictedPackageName;
  const common: FcmV1Common = {};
  if (collapseKey !== undefined) common.collapse_key = collapseKey;
  if (timeToLiveSec !== undefined) common.ttl = durationOf(timeToLiveSec);
  if (packageName !== undefined) common.restricted_package_name = packageName;
  if (own === undefined) return common;
  if (own.data !== undefined) common.data = own.data;
  if (own.analyticsLabel !== undefined) common.fcm_options = { analytics_label: own.analyticsLabel };
  if (own.directBootOk !== undefined) common.direct_boot_ok = own.directBootOk;
  if (own.bandwidthConstrainedOk !== undefined) common.bandwidth_constrained_ok = own.bandwidthConstrainedOk;
  if (own.restrictedSatelliteOk !== undefined) common.restricted_satellite_ok = own.restrictedSatelliteOk;
  return common;
}

/** The fields that both blocks have. */
type FcmV1Common = Omit<FcmV1AndroidV2, "remote_notification" | "background_sync">;

/** The general notification as Android has it, with the block's own in its place. */
function encodeShown(
  general: Notification | undefined,
  own: AndroidNotification | undefined,
): FcmV1AndroidNotification {
  const shown: FcmV1AndroidNotification = general === undefined ? {} : encodeGeneralForAndroid(general);
  return own === undefined ? shown : Object.assign(shown, encodeAndroidNotification(own));
}

function encodeGeneralForAndroid(notification: Notification): FcmV1AndroidNotification {
  const { icon, sound } = notification;
  const shown: FcmV1AndroidNotification = pick(notification, GENERAL_ANDROID_FIELDS);
  if (icon !== undefined && !WEB_ICON.test(icon)) shown.icon = icon;
  // an object describes a critical alert, which only iOS knows
  if (typeof sound === "string") shown.sound = sound;
  return shown;
}

function encodeAndroidNotification(own: AndroidNotification): FcmV1AndroidNotification {
  const light = own.lightSettings;
  return {
    ...pick(own, ANDROID_FIELDS),
    ...defined({
      notification_priority: own.notificationPriority && (`PRIORITY_${upper(own.notificationPriority)}` as const),
      vibrate_timings: own.vibrateTimingsMs?.map((ms) => durationOf(ms / 1000)),
      visibility: own.visibility && upper(own.visibility),
      light_settings: light && {
        color: colorOf(light.color),
        light_on_duration: durationOf(light.lightOnDurationMs / 1000),
        light_off_duration: durationOf(light.lightOffDurationMs / 1000),
      },
      proxy: own.proxy && PROXIES[own.proxy],
    }),
  };
}

const PROXIES = { allow: "ALLOW", deny: "DENY", "if-priority-lowered": "IF_PRIORITY_LOWERED" } as const;

/** A duration as proto3 JSON writes it: `3.5s`. */
function durationOf(seconds: number): string {
  return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(9).replace(/\.?0+$/, "")}s`;
}

/** `#rrggbb` or `#rrggbbaa` as four numbers from 0 to 1. */
function colorOf(hex: string): { red: number; green: number; blue: number; alpha: number } {
  const part = (at: number): number => Number.parseInt(hex.slice(at, at + 2) || "ff", 16) / 255;
  return { red: part(1), green: part(3), blue: part(5), alpha: part(7) };
}

function upper<T extends string>(text: T): Uppercase<T> {
  return text.toUpperCase() as Uppercase<T>;
}
