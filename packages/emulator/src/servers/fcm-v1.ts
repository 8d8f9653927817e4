import {
  type FcmV1Message,
  FcmV1SendRequestSchema,
  isTopicName,
  MAX_TIME_TO_LIVE_SEC,
  payloadBytes,
  toSnakeCaseFields,
} from "@cloud-messaging/core";
import type { HttpAnswer, HttpRequest } from "../http-server.ts";
import { checkMessage } from "../model/check-message.ts";
import type { AppInstance } from "../model/devices.ts";
import type { Address, IncomingMessage } from "../model/message.ts";
import { bearerOfHeader } from "./credentials.ts";
import { type DoorContext, type HttpDoor, jsonAnswer, withFaults } from "./door.ts";
import { badFieldsAnswer, invalidArgumentAnswer, refusalAnswer, unauthenticatedAnswer } from "./fcm-v1-answers.ts";
import { conditionAddress } from "./gcm-message.ts";
import { parseBoundedJson } from "./json-guard.ts";

/** The hosts of FCM HTTP v1. */
export const FCM_V1_HOSTS: readonly string[] = ["fcm.googleapis.com", "fcm.mtls.googleapis.com"];
const SAMPLE = '{"name":"projects/emulator-project/messages/0:1500415314455276%31bd1c9631bd1c96"}';
const TARGETS = ["token", "fid", "topic", "condition"] as const;

/** `POST /v1/projects/:project/messages:send`. */
export const fcmV1Door: HttpDoor = (context) => [
  {
    method: "POST",
    path: "/v1/projects/:project/messages::send",
    hosts: FCM_V1_HOSTS,
    before: ({ headers }) => {
      const token = bearerOfHeader(headers.authorization);
      if (token === undefined) return unauthenticatedAnswer("missing");
      return context.credentials.checkBearer(token) ? undefined : unauthenticatedAnswer("invalid");
    },
    handle: (request) => {
      context.counters.requests++;
      return withFaults(context.faults, "fcm-v1", request, SAMPLE, (whole) => handle(context, whole));
    },
  },
];

function handle(context: DoorContext, request: HttpRequest): HttpAnswer {
  const project = request.params["project"] ?? "";
  const spent = context.quotas.spendMessage(project);
  if (spent !== undefined) return refusalAnswer({ kind: "refused", code: "quota-exceeded", ...spent });
  let value: unknown;
  try {
    value = toSnakeCaseFields(parseBoundedJson(request.body));
  } catch (error) {
    return badFieldsAnswer(`Invalid JSON payload received. ${(error as Error).message}`, []);
  }
  const parsed = FcmV1SendRequestSchema.safeParse(value);
  if (!parsed.success) return badShape(parsed.error.issues, value);
  const { message, validate_only: validateOnly = false } = parsed.data;
  const target = targetOf(context, message);
  if ("problem" in target) return invalidArgumentAnswer(target.problem);
  const ttl = message.android?.ttl;
  const content = contentOf(message);
  const incoming: IncomingMessage = {
    door: "fcm-v1",
    address: target.address,
    to: target.to,
    // a project that is written as its number says which sender it is
    senderId: /^\d+$/.test(project) ? project : undefined,
    project,
    ...content,
    timeToLiveSec: ttl === undefined ? MAX_TIME_TO_LIVE_SEC : Math.floor(Number.parseFloat(ttl)),
    dryRun: validateOnly,
    payloadBytes: payloadBytes(content.data) + notificationBytes(content.notification),
    wire: request.body,
  };
  const refusal = checkMessage(incoming.data, ttl === undefined ? undefined : incoming.timeToLiveSec);
  if (refusal !== undefined) return invalidArgumentAnswer(refusal.detail ?? refusal.code);
  const decision = context.service.send(incoming);
  if (decision.kind === "refused") return refusalAnswer(decision);
  if (target.app !== undefined && message.fid !== undefined && !validateOnly)
    moveToFid(context, target.app, message.fid);
  return jsonAnswer(200, { name: `projects/${project}/messages/${decision.messageId}` });
}

/** What Android makes of a message: its own block's data and notification take the place of the general ones. */
function contentOf(
  message: FcmV1Message,
): Pick<IncomingMessage, "data" | "notification" | "collapseKey" | "priority" | "restrictedPackageName"> {
  const { android } = message;
  const notification = { ...message.notification, ...android?.notification };
  return {
    data: android?.data ?? message.data ?? {},
    notification: Object.keys(notification).length === 0 ? undefined : notification,
    collapseKey: android?.collapse_key,
    priority: android?.priority?.toLowerCase(),
    restrictedPackageName: android?.restricted_package_name,
  };
}

/** Names and values, as of `data`: over this door the limit is one for both. */
function notificationBytes(notification: Readonly<Record<string, unknown>> = {}): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(notification)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(typeof value === "string" ? value : JSON.stringify(value));
  }
  return bytes;
}

interface ReadTarget {
  readonly address: Address;
  readonly to: string;
  /** The app behind a Firebase Installation ID. */
  readonly app?: AppInstance;
}

function targetOf(context: DoorContext, message: FcmV1Message): ReadTarget | { readonly problem: string } {
  const given = TARGETS.filter((kind) => message[kind] !== undefined && message[kind] !== "");
  if (given.length === 0) return { problem: "Recipient of the message is not set." };
  if (given.length > 1)
    return { problem: `Exactly one of ${TARGETS.join(", ")} is required, and there are ${given.join(" and ")}.` };
  const { token, fid, topic, condition } = message;
  if (token !== undefined && token !== "") return { address: context.service.addressOf(token), to: token };
  if (topic !== undefined && topic !== "") {
    const name = topic.startsWith("/topics/") ? topic.slice("/topics/".length) : topic;
    if (!isTopicName(name)) return { problem: "Malformed topic name" };
    return { address: { kind: "topic", topic: name }, to: `/topics/${name}` };
  }
  if (condition !== undefined && condition !== "") {
    const address = conditionAddress(condition);
    return "problem" in address ? address : { address, to: condition };
  }
  const app = appOfFid(context, fid ?? "");
  const known = app?.canonicalToken ?? fid ?? "";
  return { address: { kind: "token", token: known }, to: fid ?? "", ...(app === undefined ? {} : { app }) };
}

/** The app whose token begins with the installation ID, or that has moved to it already. */
function appOfFid({ registry }: DoorContext, fid: string): AppInstance | undefined {
  const moved = registry.byToken(fid);
  if (moved !== undefined) return moved;
  for (const app of registry.apps()) {
    if (app.tokens.size > 0 && app.canonicalToken.startsWith(`${fid}:`)) return app;
  }
  return undefined;
}

/** A device has one or the other: once it was reached by its ID, its tokens are gone. */
function moveToFid({ registry }: DoorContext, app: AppInstance, fid: string): void {
  if (app.canonicalToken === fid || app.tokens.size === 0) return;
  registry.reregister(app, fid);
  for (const token of [...app.tokens]) if (token !== fid) registry.forgetToken(token);
}

interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly expected?: unknown;
  readonly keys?: readonly string[];
}

const TYPES: Readonly<Record<string, string>> = {
  string: "TYPE_STRING",
  boolean: "TYPE_BOOL",
  number: "TYPE_INT32",
  int: "TYPE_INT32",
};

/** What Google's front end says of a body that is not a request. */
function badShape(issues: readonly Issue[], value: unknown): HttpAnswer {
  const violations = issues.flatMap((issue) => {
    const field = fieldOf(issue.path, value);
    if (issue.code === "unrecognized_keys") {
      return (issue.keys ?? []).map((key) => ({
        field,
        description: `Invalid JSON payload received. Unknown name "${key}"${field === "" ? "" : ` at '${field}'`}: Cannot find field.`,
      }));
    }
    const found = JSON.stringify(valueAt(issue.path, value))?.slice(0, 100) ?? "";
    const type = issue.code === "invalid_type" ? (TYPES[String(issue.expected)] ?? "TYPE_MESSAGE") : issue.message;
    return [{ field, description: `Invalid value at '${field}' (${type}), ${found}` }];
  });
  return badFieldsAnswer(violations.map(({ description }) => description).join("\n"), violations);
}

/** The path as protobuf names it: an entry of a map is `data[0].value`. */
function fieldOf(path: readonly PropertyKey[], value: unknown): string {
  let field = "";
  let parent: unknown = value;
  path.forEach((key, depth) => {
    const inMap = ["data", "headers"].includes(String(path[depth - 1]));
    if (typeof key === "number") field += `[${key}]`;
    else if (inMap) field += `[${Object.keys((parent as object | null) ?? {}).indexOf(String(key))}].value`;
    else field += field === "" ? String(key) : `.${String(key)}`;
    parent = (parent as Record<PropertyKey, unknown> | undefined)?.[key];
  });
  return field;
}

function valueAt(path: readonly PropertyKey[], value: unknown): unknown {
  let found = value;
  for (const key of path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return found;
}
