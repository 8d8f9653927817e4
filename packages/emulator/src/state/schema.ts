import { PLATFORMS } from "@cloud-messaging/connection-server";
import { recordOf, z } from "@cloud-messaging/core/transport";
import { text, texts } from "../fields.ts";
import { MESSAGE_STATES } from "../model/message.ts";

/** Version of the states written at present. */
export const STATE_VERSION = 2;
/** Milliseconds since the epoch, within the range of `Date`. */
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
  protocol: z.enum(["gcm-http", "ccs", "fcm-v1"]),
  kind: z.enum(["token", "topic", "condition", "group"]),
  to: z.string(),
  senderId: z.string().optional(),
  project: z.string().optional(),
  messageId: z.string().optional(),
  data: texts,
  notification: recordOf(z.unknown()).optional(),
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
  /** Index of its text in `wires`. */
  wire: z.int().min(0),
  timeline: z.array(timelineEntry),
});

const deliveredContent = z.strictObject({
  data: texts,
  notification: recordOf(z.unknown()).optional(),
  collapseKey: z.string().optional(),
  timeToLiveSec: z.number(),
});

/** Saved state, each field as written. */
export const EmulatorStateSchema = z.strictObject({
  version: z.literal(STATE_VERSION),
  clockOffsetMs: z.number().min(0),
  devices: z.array(
    z.strictObject({
      id: text,
      name: z.string(),
      /** Absent in states from before there were platforms. */
      platform: z.enum(PLATFORMS).default("android"),
      connected: z.boolean(),
      idle: z.boolean(),
      awaySince: time.optional(),
      apps: z.array(
        z.strictObject({
          id: text,
          packageName: z.string(),
          senderIds: z.array(z.string()),
          tokens: z.array(text),
          /** Expiry of superseded tokens. Unit: milliseconds since the epoch. */
          tokenExpiries: recordOf(time),
          canonicalToken: text,
          installed: z.boolean(),
          confirmReceipts: z.enum(["auto", "manual"]),
          topics: recordOf(time),
          deletedMessages: z.int().min(0),
          /** End of the period in which the app is told of them, if any. Unit: milliseconds since the epoch. */
          markerUntil: time.optional(),
          stored: z.array(
            z.strictObject({
              /** ID of a captured message, or the whole message if it is no longer listed. */
              message: z.union([z.int().min(1), savedMessage]),
              token: text,
              from: z.string(),
              expiresAt: time,
              waitingFor: z.enum(["connection", "activity", "throttle"]),
              /** Message as it is on this device, if different from the captured one. */
              content: deliveredContent.optional(),
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
  /** Wire text, once for all messages of a request. */
  wires: z.array(z.string()),
  messages: z.array(savedMessage),
  /** Only in state files: certificates that clients trust across restarts. PEM. */
  certificates: z.strictObject({ ca: text, cert: text, key: text }).optional(),
});

/** Saved state: devices, groups, stored and captured messages. Connections and upstream messages are not part of it. */
export type EmulatorState = z.output<typeof EmulatorStateSchema>;
