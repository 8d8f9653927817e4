import { z } from "zod";
import { type FieldProblem, InvalidMessageError } from "../errors.ts";
import { AnalyticsLabelSchema, AndroidSchema } from "./android.ts";
import { ApnsSchema } from "./apns.ts";
import { DataSchema } from "./data.ts";
import { NotificationSchema } from "./notification.ts";
import { MAX_PAYLOAD_BYTES, MAX_TOPIC_PAYLOAD_BYTES, payloadBytes } from "./payload.ts";
import { TargetSchema } from "./target.ts";
import { WebpushSchema } from "./webpush.ts";

/** Longest time to live: four weeks, which is also what the service takes when none is given. Unit: seconds. */
export const MAX_TIME_TO_LIVE_SEC = 2_419_200;

const contentShape = {
  data: DataSchema.optional(),
  notification: NotificationSchema.optional(),
  /** The last stored message of a key replaces the earlier ones; at most 4 keys are kept per device. */
  collapseKey: z.string().min(1, "must not be empty").optional(),
  /** Unset stays unset: the service takes `normal` for data and `high` for notification messages. */
  priority: z.enum(["normal", "high"]).optional(),
  /** Wakes an idle iOS app. */
  contentAvailable: z.boolean().optional(),
  /** iOS 10 and later. */
  mutableContent: z.boolean().optional(),
  /** Hold it until the device is active. Without effect since November 2016. */
  delayWhileIdle: z.boolean().optional(),
  /** How long to keep it for a device that is away; 0 means now or never. Unit: seconds. Range: 0 to 2419200 (four weeks, the service's default). */
  timeToLiveSec: z.int().min(0).max(MAX_TIME_TO_LIVE_SEC).optional(),
  /** Deliver only where the token belongs to this package. Not over CCS. */
  restrictedPackageName: z.string().min(1, "must not be empty").optional(),
  /** Check everything, deliver nothing. */
  dryRun: z.boolean().optional(),
  /** CCS: ask for a receipt once the device has confirmed it. */
  deliveryReceiptRequested: z.boolean().optional(),
  /** CCS: the caller's own `message_id`, for one recipient only; by default each recipient gets one. Unit: 1 to 256 characters. */
  messageId: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/, "must have 1 to 256 printable ASCII characters without spaces")
    .optional(),
  /** Label for the console's statistics. */
  analyticsLabel: AnalyticsLabelSchema.optional(),
  /** FCM HTTP v1: what only Android devices are told. */
  android: AndroidSchema.optional(),
  /** FCM HTTP v1: what only Apple devices are told. */
  apns: ApnsSchema.optional(),
  /** FCM HTTP v1: what only browsers are told. */
  webpush: WebpushSchema.optional(),
};

/** Everything of a message but where it goes. */
export const MessageContentSchema = z.strictObject(contentShape);
/** A message and where it goes. */
export const DownstreamMessageSchema = z.strictObject({ target: TargetSchema, ...contentShape });

/** A message from the app server to client apps, after validation. */
export type DownstreamMessage = z.output<typeof DownstreamMessageSchema>;
/** A message from the app server to client apps, as a caller writes it. */
export type DownstreamMessageInput = z.input<typeof DownstreamMessageSchema>;
/** A message without its target, after validation. */
export type MessageContent = z.output<typeof MessageContentSchema>;
/** A message without its target, as a caller writes it. */
export type MessageContentInput = z.input<typeof MessageContentSchema>;

/**
 * Checks a message once, at the door.
 *
 * @throws {InvalidMessageError} naming every bad field by its path, with what was wrong and the limit.
 */
export function parseDownstreamMessage(input: unknown): DownstreamMessage {
  const parsed = DownstreamMessageSchema.safeParse(input);
  if (!parsed.success) throw new InvalidMessageError(problemsOf(parsed.error));
  const message = parsed.data;
  const problems: FieldProblem[] = [];
  const toTopic = "topic" in message.target || "condition" in message.target;
  checkPayload(message, toTopic ? MAX_TOPIC_PAYLOAD_BYTES : MAX_PAYLOAD_BYTES, problems);
  if (message.messageId !== undefined && "tokens" in message.target && message.target.tokens.length > 1) {
    problems.push({
      path: "messageId",
      problem: `names one message, and there are ${message.target.tokens.length} recipients: leave it out, or send to them one by one`,
    });
  }
  if (problems.length > 0) throw new InvalidMessageError(problems);
  return message;
}

/**
 * Checks everything of a message but its target, for a send whose tokens come later.
 *
 * @throws {InvalidMessageError} likewise.
 */
export function parseMessageContent(input: unknown): MessageContent {
  const parsed = MessageContentSchema.safeParse(input);
  if (!parsed.success) throw new InvalidMessageError(problemsOf(parsed.error));
  const problems: FieldProblem[] = [];
  checkPayload(parsed.data, MAX_PAYLOAD_BYTES, problems);
  if (problems.length > 0) throw new InvalidMessageError(problems);
  return parsed.data;
}

function checkPayload(message: MessageContent, limit: number, problems: FieldProblem[]): void {
  checkBytes("data", message.data, limit, problems);
  checkBytes("android.data", message.android?.data, limit, problems);
  checkBytes("webpush.data", message.webpush?.data, limit, problems);
}

function checkBytes(
  path: string,
  data: Readonly<Record<string, string>> | undefined,
  limit: number,
  problems: FieldProblem[],
): void {
  if (data === undefined) return;
  const bytes = payloadBytes(data);
  if (bytes <= limit) return;
  problems.push({
    path,
    problem: `has ${bytes} bytes of keys and values in UTF-8; at most ${limit} are possible${limit === MAX_TOPIC_PAYLOAD_BYTES ? " to a topic" : ""}`,
  });
}

/** zod's issues as ours. */
export function problemsOf(error: z.ZodError): FieldProblem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.join(".");
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: path === "" ? key : `${path}.${key}`,
        problem: "is not a field of a message",
      }));
    }
    return [{ path, problem: issue.message }];
  });
}

/**
 * Refuses what only FCM HTTP v1 can carry: a `fid` target and the `android`, `apns` and `webpush` blocks.
 * What the transports of GCM HTTP and CCS check before they write anything.
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
  for (const block of ["android", "apns", "webpush"] as const) {
    if (message[block] === undefined) continue;
    problems.push({
      path: block,
      problem: `${service} has no such block: use the general fields, or send over FCM HTTP v1 (createFcmSender)`,
    });
  }
  if (problems.length > 0) throw new InvalidMessageError(problems);
}
