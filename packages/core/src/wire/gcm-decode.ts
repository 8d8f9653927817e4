import { isJsonObject } from "../json-object.ts";
import type { MessageContent } from "../message/downstream.ts";

/**
 * Reads the part of a message that GCM HTTP and CCS share: the inverse of `encodeGcmOptions`. Values are coerced as the service did; what it would
 * have refused is left as it is, for validation. Unknown fields are ignored.
 *
 * Source: docs/protocol/gcm-http.md#request
 */
export function decodeGcmOptions(json: Readonly<Record<string, unknown>>): MessageContent {
  const content: Record<string, unknown> = {};
  const put = (name: string, value: unknown): void => {
    if (value !== undefined && value !== null) content[name] = value;
  };
  put("collapseKey", optionText(json["collapse_key"]));
  put("priority", priorityOf(json["priority"]));
  put("contentAvailable", flagOf(json["content_available"]));
  put("mutableContent", flagOf(json["mutable_content"]));
  put("delayWhileIdle", flagOf(json["delay_while_idle"]));
  put("timeToLiveSec", numberOf(json["time_to_live"]));
  put("restrictedPackageName", optionText(json["restricted_package_name"]));
  put("dryRun", flagOf(json["dry_run"]));
  put("analyticsLabel", (json["fcm_options"] as { analytics_label?: unknown } | undefined)?.analytics_label);
  if (isJsonObject(json["data"])) content["data"] = decodeGcmData(json["data"]);
  if (isJsonObject(json["notification"])) content["notification"] = notificationOf(json["notification"]);
  return content as MessageContent;
}

/** Reads a priority in any case, or in the words of APNs: 5 and 10. */
function priorityOf(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const word = value.toLowerCase();
  return word === "10" ? "high" : word === "5" ? "normal" : word || undefined;
}

/** Coerces an option to text, numbers included; empty text counts as absent, as for the service. */
function optionText(value: unknown): unknown {
  return typeof value === "number" ? String(value) : value || undefined;
}

/** Coerces 1, 0 and text to a boolean, as the service did. Other values are left for validation to refuse. */
function flagOf(value: unknown): unknown {
  if (typeof value !== "number" && typeof value !== "string") return value;
  switch (String(value).trim().toLowerCase()) {
    case "1":
    case "true":
      return true;
    case "0":
    case "false":
      return false;
    case "":
      return undefined;
    default:
      return value;
  }
}

/** Coerces numeric text to a number. */
function numberOf(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const text = value.trim();
  if (text === "") return undefined;
  return Number.isFinite(Number(text)) ? Number(text) : value;
}

/** Reads `data` as apps see it: values as text, objects and arrays as JSON; `null` is omitted. */
export function decodeGcmData(data: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  if (data === undefined) return {};
  // nearly always: a copy is many times faster than an object of entries
  if (Object.values(data).every((value) => typeof value === "string")) return { ...data } as Record<string, string>;
  const entries: [string, string][] = [];
  for (const [key, value] of Object.entries(data)) {
    const text = textOf(value);
    if (text !== undefined) entries.push([key, text]);
  }
  return Object.fromEntries(entries);
}

/** Text of a value after JSON serialisation: a date is text, a function is omitted. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return String(value);
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined || json === "null") return undefined;
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

/** Name on the wire → name in the model of core. */
const NOTIFICATION_NAMES: Readonly<Record<string, string>> = {
  title: "title",
  body: "body",
  subtitle: "subtitle",
  image: "image",
  icon: "icon",
  sound: "sound",
  badge: "badge",
  tag: "tag",
  color: "color",
  click_action: "clickAction",
  android_channel_id: "androidChannelId",
  notification_count: "notificationCount",
  body_loc_key: "bodyLocKey",
  body_loc_args: "bodyLocArgs",
  title_loc_key: "titleLocKey",
  title_loc_args: "titleLocArgs",
};

const WITH_A_FORM: ReadonlySet<string> = new Set(["badge", "notificationCount", "color", "image"]);

function notificationOf(wire: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const notification: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(wire)) {
    const name = Object.hasOwn(NOTIFICATION_NAMES, key) ? NOTIFICATION_NAMES[key] : undefined;
    // unknown fields are ignored, as by the service and node-gcm
    if (name === undefined || value === undefined || value === null) continue;
    // empty text counts as absent in a field with a format
    if (value === "" && WITH_A_FORM.has(name)) continue;
    if (name === "badge" || name === "notificationCount") notification[name] = numberOf(value);
    else if (name === "bodyLocArgs" || name === "titleLocArgs") notification[name] = locArgs(value);
    else notification[name] = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
  }
  return notification;
}

/** Reads an array, or one written as JSON text, as clients did both. Elements are coerced to text. */
function locArgs(value: unknown): unknown {
  const args = typeof value === "string" ? readArray(value) : value;
  return Array.isArray(args) ? args.map((arg: unknown) => textOf(arg) ?? "") : args;
}

function readArray(text: string): unknown[] {
  try {
    const json: unknown = JSON.parse(text);
    return Array.isArray(json) ? json : [text];
  } catch {
    return [text];
  }
}
