import { type DownstreamMessageInput, type MessageContent, tokenProblem } from "@cloud-messaging/core";

/** Whom to send to: a token or `/topics/name` as text, tokens as an array, or one of the named kinds. */
export type Recipient =
  | string
  | readonly string[]
  | { readonly to: string }
  | { readonly topic: string }
  | { readonly condition: string }
  | { readonly notificationKey: string }
  | { readonly registrationIds: readonly string[] }
  | { readonly registrationTokens: readonly string[] };

/** Where a message goes, as our model has it. */
export type Target = DownstreamMessageInput["target"];

/** A recipient as our model has it, or node-gcm's way of saying why it is none: text, or an `Error`. */
export function targetOf(recipient: unknown): { readonly target: Target } | { readonly error: string | Error } {
  if (typeof recipient === "string" && recipient !== "") return { target: toTarget(recipient) };
  if (Array.isArray(recipient)) return tokensTarget(recipient);
  if (typeof recipient !== "object" || recipient === null) {
    return { error: `Invalid recipient (${String(recipient)}, type ${typeof recipient}) provided!` };
  }
  const keys = Object.keys(recipient);
  const [key] = keys;
  if (key === undefined || keys.length > 1) {
    return { error: new Error(`Please specify exactly one recipient key (you specified [${keys.join(",")}])`) };
  }
  const value = (recipient as Record<string, unknown>)[key];
  if (!value) return { error: new Error(`Falsy value for recipient key '${key}'.`) };
  const wrongType = { error: new Error(`Recipient key '${key}' was provided as an incorrect type.`) };
  switch (key) {
    case "to":
      return typeof value === "string" ? { target: toTarget(value) } : wrongType;
    case "topic":
      return typeof value === "string" ? { target: { topic: value } } : wrongType;
    case "condition":
      return typeof value === "string" ? { target: { condition: value } } : wrongType;
    case "notificationKey":
      return typeof value === "string" ? { target: { notificationKey: value } } : wrongType;
    case "registrationIds":
    case "registrationTokens":
      return Array.isArray(value) ? tokensTarget(value) : wrongType;
    default:
      return { error: new Error(`Key '${key}' is not a valid recipient key.`) };
  }
}

function toTarget(to: string): Target {
  return to.startsWith("/topics/") ? { topic: to } : { token: to };
}

function tokensTarget(tokens: readonly string[]): { readonly target: Target } | { readonly error: string } {
  return tokens.length === 0 ? { error: "No recipient provided!" } : { target: { tokens } };
}

/** The tokens of a target; `undefined` for a topic, a condition or a group. */
export function tokensGiven(target: Target): readonly string[] | undefined {
  return target.tokens ?? (target.token === undefined ? undefined : [target.token]);
}

/** Text that can be no token. What is no text at all makes the whole request unreadable, and is told so. */
export function isMalformed(token: unknown): boolean {
  return typeof token === "string" && tokenProblem(token) !== undefined;
}

/** A message's JSON as our model has it. Values are made to fit as the service made them fit: this façade is the one place that does. */
export function contentOf(json: Readonly<Record<string, unknown>>): MessageContent {
  const content: Record<string, unknown> = {};
  const put = (name: string, value: unknown): void => {
    if (value !== undefined && value !== null) content[name] = value;
  };
  // empty text is as good as none to the service
  put("collapseKey", json["collapse_key"] || undefined);
  put("priority", typeof json["priority"] === "string" ? json["priority"].toLowerCase() : json["priority"]);
  put("contentAvailable", json["content_available"]);
  put("mutableContent", json["mutable_content"]);
  put("delayWhileIdle", json["delay_while_idle"]);
  put("timeToLiveSec", json["time_to_live"]);
  put("restrictedPackageName", json["restricted_package_name"] || undefined);
  put("dryRun", json["dry_run"]);
  put("analyticsLabel", (json["fcm_options"] as { analytics_label?: unknown } | undefined)?.analytics_label);
  if (isObject(json["data"])) content["data"] = stringData(json["data"]);
  if (isObject(json["notification"])) content["notification"] = notificationOf(json["notification"]);
  return content as MessageContent;
}

/** A number or boolean becomes text, an object or array its JSON; nothing is sent for null. */
function stringData(data: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries: [string, string][] = [];
  for (const [key, value] of Object.entries(data)) {
    const text = textOf(value);
    if (text !== undefined) entries.push([key, text]);
  }
  return Object.fromEntries(entries);
}

/** What reached the app of a value that went through JSON: a date or an ID of a database is text there, a function nothing. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return String(value);
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined || json === "null") return undefined;
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

/** Name on the wire → name in our model. */
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
  body_loc_key: "bodyLocKey",
  body_loc_args: "bodyLocArgs",
  title_loc_key: "titleLocKey",
  title_loc_args: "titleLocArgs",
};

function notificationOf(wire: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const notification: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(wire)) {
    const name = NOTIFICATION_NAMES[key];
    // the service ignored what it did not know, and so did node-gcm
    if (name === undefined || value === undefined || value === null) continue;
    if (name === "badge") notification[name] = typeof value === "string" ? Number(value) : value;
    else if (name === "bodyLocArgs" || name === "titleLocArgs") notification[name] = locArgs(value);
    else notification[name] = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
  }
  return notification;
}

/** A real array, or one written as JSON text: clients did both. Its elements are text in the end. */
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
