import { isReservedDataKey, isTopicName, MAX_TIME_TO_LIVE_SEC } from "@cloud-messaging/core/transport";
import type { FcmV1Message } from "@cloud-messaging/core/wire";
import type { FieldViolation } from "./proto-json.ts";

type AndroidNotification = NonNullable<NonNullable<FcmV1Message["android"]>["notification"]>;

/**
 * Checks a message as FCM itself does, once the front end has read it: forms and ranges, whoever it goes to.
 *
 * @returns Everything that is wrong, in the order of the message.
 */
export function checkFcmMessage(message: FcmV1Message): readonly FieldViolation[] {
  const found: FieldViolation[] = [];
  const refuse = (field: string, problem: string): void => {
    found.push({ field: `message.${field}`, description: `Invalid value at 'message.${field}': ${problem}` });
  };
  const { topic, android, android_v2: v2, apns, webpush } = message;
  if (topic !== undefined && topic !== "" && !isTopicName(topic.replace(/^\/topics\//, ""))) {
    found.push({ field: "message.topic", description: "Malformed topic name" });
  }
  checkKeys("data", message.data, refuse);
  checkLabel("fcm_options", message.fcm_options, refuse);
  for (const [name, block] of [
    ["android", android],
    ["android_v2", v2],
  ] as const) {
    if (block === undefined) continue;
    checkKeys(`${name}.data`, block.data, refuse);
    checkLabel(`${name}.fcm_options`, block.fcm_options, refuse);
    if (block.ttl !== undefined && !inRange(Number.parseFloat(block.ttl), 0, MAX_TIME_TO_LIVE_SEC)) {
      refuse(`${name}.ttl`, `must be a duration from 0 to ${MAX_TIME_TO_LIVE_SEC} seconds, and is ${block.ttl}`);
    }
  }
  if (android?.notification !== undefined) checkNotification("android.notification", android.notification, refuse);
  if (v2 !== undefined) {
    if (android !== undefined) refuse("android_v2", "android and android_v2 cannot be set together");
    const { remote_notification: remote, background_sync: sync } = v2;
    if (remote === undefined && sync === undefined) {
      refuse("android_v2", "exactly one of remote_notification and background_sync must be set");
    }
    if (remote !== undefined && remote.notification === undefined) {
      refuse("android_v2.remote_notification.notification", "is required");
    } else if (remote !== undefined) {
      checkNotification("android_v2.remote_notification.notification", remote.notification, refuse);
    }
  }
  checkLabel("apns.fcm_options", apns?.fcm_options, refuse);
  const aps = apns?.payload?.["aps"];
  if (aps !== undefined && (typeof aps !== "object" || aps === null || Array.isArray(aps))) {
    refuse("apns.payload", "aps must be an object");
  }
  checkKeys("webpush.data", webpush?.data, refuse);
  checkLabel("webpush.fcm_options", webpush?.fcm_options, refuse);
  const link = webpush?.fcm_options?.link;
  if (link !== undefined && link !== "" && !isSecureLink(link)) {
    refuse("webpush.fcm_options.link", "must be an HTTPS URL");
  }
  return found;
}

type Refuse = (field: string, problem: string) => void;

function checkKeys(field: string, data: Readonly<Record<string, string>> | undefined, refuse: Refuse): void {
  for (const key of Object.keys(data ?? {})) {
    if (isReservedDataKey(key)) refuse(field, `"data" key "${key.slice(0, 100)}" is a reserved keyword`);
  }
}

function checkLabel(
  field: string,
  options: { readonly analytics_label?: string | undefined } | undefined,
  refuse: Refuse,
): void {
  const label = options?.analytics_label;
  // an empty text is unset
  if (label === undefined || label === "" || /^[a-zA-Z0-9\-_.~%]{1,50}$/.test(label)) return;
  refuse(`${field}.analytics_label`, "must have the form ^[a-zA-Z0-9-_.~%]{1,50}$");
}

function checkNotification(field: string, notification: AndroidNotification, refuse: Refuse): void {
  const { color, vibrate_timings: timings = [], light_settings: light } = notification;
  if (color !== undefined && color !== "" && !/^#[0-9a-fA-F]{6}$/.test(color)) {
    refuse(`${field}.color`, "must have the form #rrggbb");
  }
  timings.forEach((timing, index) => {
    if (Number.parseFloat(timing) < 0) refuse(`${field}.vibrate_timings[${index}]`, "must not be negative");
  });
  if (light === undefined) return;
  for (const name of ["color", "light_on_duration", "light_off_duration"] as const) {
    if (light[name] === undefined) refuse(`${field}.light_settings.${name}`, "is required");
  }
  for (const [channel, value] of Object.entries(light.color ?? {})) {
    if (value !== undefined && !inRange(value, 0, 1))
      refuse(`${field}.light_settings.color.${channel}`, "must be from 0 to 1");
  }
  for (const name of ["light_on_duration", "light_off_duration"] as const) {
    if (Number.parseFloat(light[name] ?? "0s") < 0) refuse(`${field}.light_settings.${name}`, "must not be negative");
  }
}

function isSecureLink(link: string): boolean {
  if (!URL.canParse(link)) return false;
  const { protocol, hostname } = new URL(link);
  // browsers take loopback for secure
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}

function inRange(value: number, from: number, to: number): boolean {
  return value >= from && value <= to;
}
