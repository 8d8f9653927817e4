import { InvalidOptionsError } from "@cloud-messaging/core";
import { z } from "zod";
import { MESSAGE_STATES } from "./model/message.ts";
import { problemsIn } from "./schemas.ts";

const text = z.string().min(1);
const wireText = z.record(z.string(), z.string());
/** The form of the states written now. */
const STATE_VERSION = 2;
/** Milliseconds since the epoch, within what a `Date` can hold. */
const time = z.number().min(-8.64e15).max(8.64e15);
const timelineEntry = z.strictObject({
  at: time,
  event: z.string(),
  deviceId: z.string().optional(),
  detail: z.string().optional(),
});
const savedMessage = z.strictObject({
  id: z.int().min(1),
  at: time,
  door: z.enum(["gcm-http", "ccs", "fcm-v1"]),
  kind: z.enum(["token", "topic", "condition", "group"]),
  to: z.string(),
  senderId: z.string().optional(),
  messageId: z.string().optional(),
  data: wireText,
  notification: z.record(z.string(), z.unknown()).optional(),
  collapseKey: z.string().optional(),
  timeToLiveSec: z.number(),
  priority: z.string().optional(),
  delayWhileIdle: z.boolean(),
  dryRun: z.boolean(),
  receiptRequested: z.boolean(),
  state: z.enum(MESSAGE_STATES),
  reason: z.string().optional(),
  code: z.string().optional(),
  devices: z.int().min(0),
  delivered: z.int().min(0),
  /** Where its text is in `wires`. */
  wire: z.int().min(0),
  timeline: z.array(timelineEntry),
});

const EmulatorStateSchema = z.strictObject({
  version: z.literal(STATE_VERSION),
  clockOffsetMs: z.number().min(0),
  devices: z.array(
    z.strictObject({
      id: text,
      name: z.string(),
      connected: z.boolean(),
      idle: z.boolean(),
      awaySince: time.optional(),
      apps: z.array(
        z.strictObject({
          id: text,
          packageName: z.string(),
          senderIds: z.array(z.string()),
          tokens: z.array(text),
          /** When superseded ones stop working. Milliseconds since the epoch. */
          tokenExpiries: z.record(z.string(), time),
          canonicalToken: text,
          installed: z.boolean(),
          confirmReceipts: z.enum(["auto", "manual"]),
          topics: z.record(z.string(), time),
          deletedMessages: z.int().min(0),
          /** Until when the app would be told of them, where there is an end. Milliseconds since the epoch. */
          markerUntil: time.optional(),
          stored: z.array(
            z.strictObject({
              /** The ID of a captured message, or all of one that is not listed any more. */
              message: z.union([z.int().min(1), savedMessage]),
              token: text,
              from: z.string(),
              expiresAt: time,
              waitingFor: z.enum(["connection", "activity", "throttle"]),
            }),
          ),
        }),
      ),
    }),
  ),
  groups: z.array(
    z.strictObject({ name: text, senderId: z.string(), keys: z.array(text).min(1), members: z.array(text) }),
  ),
  total: z.int().min(0),
  /** What came over the wire: once for all messages of a request. */
  wires: z.array(z.string()),
  messages: z.array(savedMessage),
});

/** A saved state: devices, groups, messages that wait, captured messages. Connections and upstream messages are not part of it. */
export type EmulatorState = z.output<typeof EmulatorStateSchema>;

/** Names are names of one thing only. */
function requireDistinct({ devices, groups }: EmulatorState): void {
  const seen = new Set<string>();
  const once = (path: string, kind: string, name: string): void => {
    const key = `${kind} ${name}`;
    if (seen.has(key)) throw new InvalidOptionsError([{ path, problem: `has the ${kind} ${name.slice(0, 50)} twice` }]);
    seen.add(key);
  };
  for (const { id, apps } of devices) {
    once("devices", "device", id);
    for (const app of apps) {
      once("devices", "app", app.id);
      for (const token of app.tokens) once("devices", "token", token);
      if (app.tokens.length > 0 && !app.tokens.includes(app.canonicalToken)) {
        throw new InvalidOptionsError([
          {
            path: "devices",
            problem: `the app ${app.id.slice(0, 50)} has a canonicalToken that is none of its tokens`,
          },
        ]);
      }
    }
  }
  for (const { keys } of groups) for (const key of keys) once("groups", "key", key);
}

/** @throws {InvalidOptionsError} naming what is not as it was written. */
export function readState(value: unknown): EmulatorState {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version !== STATE_VERSION) {
    const whose =
      version > STATE_VERSION ? "a newer emulator: start that one" : "an older emulator, whose states cannot be read";
    throw new InvalidOptionsError([
      {
        path: "version",
        problem: `is ${version}, and this emulator reads ${STATE_VERSION}: it was written by ${whose}`,
      },
    ]);
  }
  const parsed = EmulatorStateSchema.safeParse(value);
  if (!parsed.success) throw new InvalidOptionsError(problemsIn(parsed.error, "is not part of a state").slice(0, 5));
  let last = 0;
  for (const { id } of parsed.data.messages) {
    if (id <= last) throw new InvalidOptionsError([{ path: "messages", problem: "must have IDs that count up" }]);
    last = id;
  }
  if (parsed.data.total < last)
    throw new InvalidOptionsError([{ path: "total", problem: `must be at least ${last}, the last message's ID` }]);
  requireDistinct(parsed.data);
  return parsed.data;
}
