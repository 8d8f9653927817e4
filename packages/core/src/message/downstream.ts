import { type FieldProblem, InvalidMessageError } from "../errors.ts";
import { type InputWording, readInput } from "../problems.ts";
import * as z from "../zod.ts";
import { AnalyticsLabelSchema, type Android, AndroidSchema } from "./android.ts";
import { type AndroidV2, AndroidV2Schema } from "./android-v2.ts";
import { type Apns, ApnsSchema } from "./apns.ts";
import { DataSchema } from "./data.ts";
import { isPlainObject } from "./json.ts";
import { type Notification, NotificationSchema } from "./notification.ts";
import { MAX_PAYLOAD_BYTES, MAX_TOPIC_PAYLOAD_BYTES, payloadBytes } from "./payload.ts";
import { readPlainMessage } from "./plain-message.ts";
import { sizeProblems } from "./size.ts";
import { type SingleTargetInput, type Target, type TargetInput, TargetSchema } from "./target.ts";
import { NonEmptyTextSchema } from "./text.ts";
import { MAX_TIME_TO_LIVE_SEC } from "./time-to-live.ts";
import { type Webpush, WebpushSchema } from "./webpush.ts";

const TIME_TO_LIVE_RANGE = `must be a whole number of seconds from 0 to ${MAX_TIME_TO_LIVE_SEC}, which is four weeks`;

/** A message without its target: what `sendToUser` and `sendAll` take. Every field may be left out. */
export interface MessageContent {
  /**
   * Keys and values for the app, both strings. Reserved: `from`, `message_type`, and keys that start with `google` or `gcm`. Range: at most
   * 4096 bytes of UTF-8 for all keys and values, 2048 to topics and conditions.
   */
  readonly data?: Readonly<Record<string, string>> | undefined;
  /** Notification that the system shows by itself when the app is in the background. */
  readonly notification?: Notification | undefined;
  /** Collapse key: of several waiting messages with the same key, only the last is delivered. The service keeps at most 4 keys per device. */
  readonly collapseKey?: string | undefined;
  /** Priority of delivery. @defaultValue the service's: `normal` for data, `high` for notification messages */
  readonly priority?: "normal" | "high" | undefined;
  /** Wakes an idle iOS app. */
  readonly contentAvailable?: boolean | undefined;
  /** Lets a notification service extension of the app change the notification. iOS 10 and later. */
  readonly mutableContent?: boolean | undefined;
  /** Holds the message until the device is active. No effect since November 2016. */
  readonly delayWhileIdle?: boolean | undefined;
  /** Time to live: time for which the service keeps the message for a device that is offline; 0 means now or never. Unit: seconds. Range: 0 to 2419200 (four weeks, the service's default). */
  readonly timeToLiveSec?: number | undefined;
  /** Delivers only to this Android package. Not over CCS. */
  readonly restrictedPackageName?: string | undefined;
  /** Validates the message at the service and delivers nothing. */
  readonly dryRun?: boolean | undefined;
  /** CCS: requests a delivery receipt. */
  readonly deliveryReceiptRequested?: boolean | undefined;
  /** CCS: `message_id` of your own, for a single recipient. Range: 1 to 256 printable ASCII characters. @defaultValue a random one per recipient */
  readonly messageId?: string | undefined;
  /** Label for the statistics in Firebase's console. Range: 1 to 50 of the characters a-z A-Z 0-9 - _ . ~ % */
  readonly analyticsLabel?: string | undefined;
  /** FCM HTTP v1: options for Android devices. */
  readonly android?: Android | undefined;
  /** FCM HTTP v1: options for Android devices in the form of 2026, instead of `android`. */
  readonly androidV2?: AndroidV2 | undefined;
  /** FCM HTTP v1: options for Apple devices. */
  readonly apns?: Apns | undefined;
  /** FCM HTTP v1: options for browsers. */
  readonly webpush?: Webpush | undefined;
}

/** A message from the app server to client apps, as a caller writes it. */
export interface DownstreamMessageInput extends MessageContent {
  /** Target of the message: one token, many tokens, a topic, a condition, a device group, or an installation ID. */
  readonly target: TargetInput;
}

/** A message to one token, topic, condition, device group or installation ID: a send has one outcome. */
export interface SingleMessageInput extends MessageContent {
  /** The one recipient. */
  readonly target: SingleTargetInput;
}

/** A message from the app server to client apps, after validation. */
export interface DownstreamMessage extends MessageContent {
  /** Target of the message, checked. */
  readonly target: Target;
}

const contentShape = {
  data: DataSchema.optional(),
  notification: NotificationSchema.optional(),
  collapseKey: NonEmptyTextSchema.optional(),
  priority: z.enum(["normal", "high"]).optional(),
  contentAvailable: z.boolean().optional(),
  mutableContent: z.boolean().optional(),
  delayWhileIdle: z.boolean().optional(),
  timeToLiveSec: z
    .int(TIME_TO_LIVE_RANGE)
    .min(0, TIME_TO_LIVE_RANGE)
    .max(MAX_TIME_TO_LIVE_SEC, TIME_TO_LIVE_RANGE)
    .optional(),
  restrictedPackageName: NonEmptyTextSchema.optional(),
  dryRun: z.boolean().optional(),
  deliveryReceiptRequested: z.boolean().optional(),
  messageId: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/, "must have 1 to 256 printable ASCII characters without spaces")
    .optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
  android: AndroidSchema.optional(),
  androidV2: AndroidV2Schema.optional(),
  apns: ApnsSchema.optional(),
  webpush: WebpushSchema.optional(),
};

/** Checks everything of a message but where it goes. */
export const MessageContentSchema = z.strictObject(contentShape);
/** Checks a message and where it goes. */
export const DownstreamMessageSchema = z.strictObject({ target: TargetSchema, ...contentShape });

/**
 * Checks a message once. The result shares nothing with what it was given.
 *
 * @throws {InvalidMessageError} naming every bad field by its path, with what was wrong and the limit.
 */
export function parseDownstreamMessage(input: unknown): DownstreamMessage {
  return readPlainMessage(input) ?? parseByMessageSchema(input);
}

/**
 * Checks a message by the schema alone, for one that the fast path has refused.
 *
 * @throws {InvalidMessageError} likewise.
 */
export function parseByMessageSchema(input: unknown): DownstreamMessage {
  return parse(DownstreamMessageSchema, input);
}

/**
 * Checks everything of a message but its target, for a send whose tokens come later.
 *
 * @throws {InvalidMessageError} likewise.
 */
export function parseMessageContent(input: unknown): MessageContent {
  return parse(MessageContentSchema, input);
}

function parse<T extends MessageContent>(schema: z.ZodType<T>, input: unknown): T {
  const reading = readInput(schema, input, WORDING);
  if ("value" in reading) {
    const problems = [...problemsBetweenFields(reading.value), ...sizeProblems(reading.value)];
    if (problems.length === 0) return reading.value;
    throw new InvalidMessageError(problems);
  }
  // rules between fields are told as well, as far as the fields can be read
  throw new InvalidMessageError([...reading.problems, ...problemsBetweenFields(readable(input))]);
}

/** The wording of a message's problems, with the names that people write by habit from the wire and from other libraries. */
const WORDING: InputWording = {
  name: "a field of a message",
  aliases: {
    to: "target",
    registration_ids: "target.tokens",
    registration_id: "target.token",
    registrationTokens: "target.tokens",
    registrationIds: "target.tokens",
    notification_key: "target.notificationKey",
    notificationKey: "target.notificationKey",
    condition: "target.condition",
    token: "target.token",
    tokens: "target.tokens",
    fid: "target.fid",
    topic: "target.topic",
    registrationToken: "target.token",
    title: "notification.title",
    body: "notification.body",
    time_to_live: "timeToLiveSec",
    timeToLive: "timeToLiveSec",
    ttl: "timeToLiveSec",
  },
};

/** Fields that rules between fields read. */
interface Readable {
  readonly target?: unknown;
  readonly data?: unknown;
  readonly messageId?: unknown;
  readonly android?: { readonly data?: unknown } | undefined;
  readonly androidV2?: { readonly data?: unknown } | undefined;
  readonly webpush?: { readonly data?: unknown } | undefined;
}

/** The fields of an input that failed to parse, as far as their types are right. */
function readable(input: unknown): Readable {
  if (!isPlainObject(input)) return {};
  const { android, androidV2, webpush } = input;
  return {
    ...input,
    android: isPlainObject(android) ? android : undefined,
    androidV2: isPlainObject(androidV2) ? androidV2 : undefined,
    webpush: isPlainObject(webpush) ? webpush : undefined,
  };
}

function problemsBetweenFields({ target, data, messageId, android, androidV2, webpush }: Readable): FieldProblem[] {
  const { topic, condition, tokens } = (target ?? {}) as { topic?: unknown; condition?: unknown; tokens?: unknown };
  const toTopic = topic !== undefined || condition !== undefined;
  const problems: FieldProblem[] = [];
  checkBytes("data", data, toTopic, problems);
  checkBytes("android.data", android?.data, toTopic, problems);
  checkBytes("androidV2.data", androidV2?.data, toTopic, problems);
  checkBytes("webpush.data", webpush?.data, toTopic, problems);
  if (android !== undefined && androidV2 !== undefined) {
    problems.push({
      path: "androidV2",
      problem: "cannot stand beside android, whose place it takes: put everything into one of the two",
    });
  }
  if (typeof messageId === "string" && Array.isArray(tokens) && tokens.length > 1) {
    problems.push({
      path: "messageId",
      problem: `names one message, and there are ${tokens.length} recipients: leave it out, or send to them one by one`,
    });
  }
  return problems;
}

function checkBytes(path: string, data: unknown, toTopic: boolean, problems: FieldProblem[]): void {
  if (data === undefined || !isPlainObject(data)) return;
  if (!Object.values(data).every((value) => typeof value === "string")) return;
  const bytes = payloadBytes(data as Record<string, string>);
  const limit = toTopic ? MAX_TOPIC_PAYLOAD_BYTES : MAX_PAYLOAD_BYTES;
  if (bytes <= limit) return;
  problems.push({
    path,
    problem: `has ${bytes} bytes of keys and values in UTF-8; at most ${limit} are possible${toTopic ? " to a topic" : ""}`,
  });
}

/**
 * Refuses what only FCM HTTP v1 can carry: a `fid` target and the `android`, `androidV2`, `apns` and `webpush` blocks.
 * Check of the GCM HTTP and CCS transports before anything is written.
 *
 * @param service The service's name, for the message: `GCM HTTP`, `CCS`.
 * @throws {InvalidMessageError} naming every such field.
 */
export function refuseV1Only(message: DownstreamMessage, service: string): void {
  const problems: FieldProblem[] = [];
  if ("fid" in message.target) {
    problems.push({
      path: "target.fid",
      problem: `${service} knows registration tokens only: send over FCM HTTP v1 (createFcmSender)`,
    });
  }
  for (const block of ["android", "androidV2", "apns", "webpush"] as const) {
    if (message[block] === undefined) continue;
    problems.push({
      path: block,
      problem: `${service} has no such block: use the general fields, or send over FCM HTTP v1 (createFcmSender)`,
    });
  }
  if (problems.length > 0) throw new InvalidMessageError(problems);
}
