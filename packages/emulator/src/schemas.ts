import { isIP } from "node:net";
import { PLATFORMS } from "@cloud-messaging/connection-server";
import type { FieldProblem, Random } from "@cloud-messaging/core";
import { ClockSchema, defined, readInput, readOptions, systemClock, z } from "@cloud-messaging/core/transport";
import { type Certificates, ownCertificates } from "./certificates.ts";
import { HTTP_FAULT_KINDS } from "./faults/faults.ts";
import { MESSAGE_STATES } from "./model/message.ts";
import { NO_QUOTAS } from "./model/quotas.ts";
import type { EmulatorOptions } from "./options.ts";
import type { ApiKey } from "./servers/credentials.ts";

export type { EmulatorOptions } from "./options.ts";

const port = z.int("must be a whole number from 0 to 65535").min(0).max(65_535);
const durationMs = z.number().min(0, "must be 0 or more milliseconds");
const positiveMs = z.number().positive("must be more than 0 milliseconds");
const countOrNoLimit = z.int().min(1).or(z.literal(Number.POSITIVE_INFINITY));
const retryAfterForm = z.enum(["seconds", "date", "absent"]);
const bucket = z.strictObject({ capacity: z.int().min(1), refillEveryMs: positiveMs });
const apiKey = z.string().regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");
const senderId = z.string().regex(/^\d{1,20}$/, "must be 1 to 20 digits");
const hostName = z
  .string()
  .max(253, "must be a host name or an IP address")
  .refine(
    (name) =>
      isIP(name) !== 0 ||
      /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i.test(name),
    "must be a host name or an IP address, without a port or a scheme",
  );
const pem = z.string().regex(/-----BEGIN /, "must be PEM text, not the name of a file");
const origin = z
  .string()
  .refine(
    (value) => /^https?:/.test(value) && URL.canParse(value) && new URL(value).origin === value,
    "must be scheme, host and port as a browser writes them, such as http://push.example.com:8080, without a path",
  );
const func = z.custom<() => unknown>((value) => typeof value === "function", "must be a function");

const CcsOptionsSchema = z.strictObject({
  autoAck: z.boolean().default(true),
  maxPending: z.int().min(1).max(1000).default(100),
  upstreamWindow: z.int().min(1).max(1000).default(100),
  upstreamResendMs: positiveMs.default(10_000),
  ackDelayMs: durationMs.default(0),
  keepAliveMs: positiveMs.or(z.literal(Number.POSITIVE_INFINITY)).default(60_000),
  drainTimeoutMs: positiveMs.default(10_000),
  drainQuietMs: durationMs.default(250),
  maxConnectionsPerSender: countOrNoLimit.default(Number.POSITIVE_INFINITY),
  newConnectionsPerMinute: countOrNoLimit.default(Number.POSITIVE_INFINITY),
  loginTimeoutMs: positiveMs.default(10_000),
  elementStyle: z.enum(["data:gcm", "gcm"]).default("data:gcm"),
  resourceSuffix: z.boolean().default(true),
});

const ThrottlingSchema = z.strictObject({
  collapsible: z.union([bucket, z.literal(false)]).default({ capacity: 20, refillEveryMs: 180_000 }),
  nonCollapsible: z.union([bucket, z.literal(false)]).default(false),
  perDevice: z
    .union([z.strictObject({ perMinute: z.int().min(1), perHour: z.int().min(1) }), z.literal(false)])
    .default(false),
});

const QuotasSchema = z.strictObject({
  messagesPerMinute: countOrNoLimit.default(NO_QUOTAS.messagesPerMinute),
  retryAfter: retryAfterForm.default(NO_QUOTAS.retryAfter),
  messagesPerTopicPerMinute: countOrNoLimit.default(NO_QUOTAS.messagesPerTopicPerMinute),
  topicChangesPerSecond: countOrNoLimit.default(NO_QUOTAS.topicChangesPerSecond),
  fanOutPerSecond: countOrNoLimit.default(NO_QUOTAS.fanOutPerSecond),
  concurrentFanOuts: countOrNoLimit.default(NO_QUOTAS.concurrentFanOuts),
});

const EmulatorOptionsSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  httpPort: port.default(0),
  httpsPort: z.union([port, z.literal(false)]).default(0),
  ccsPort: z.union([port, z.literal(false)]).default(0),
  clock: ClockSchema.default(systemClock),
  random: (func as z.ZodType<Random>).default(() => Math.random),
  profile: z.enum(["gcm-2013", "gcm-2015", "fcm-legacy", "fcm-v1"]).default("fcm-legacy"),
  validationStyle: z.enum(["live", "documented"]).default("live"),
  apiKeys: z.array(z.union([apiKey, z.strictObject({ key: apiKey, senderId: senderId.optional() })])).default([]),
  autoRegister: z.boolean().default(false),
  senderId: senderId.default("1234567890"),
  strict: z.boolean().default(false),
  wideIds: z.boolean().default(true),
  lenientNumbers: z.boolean().default(false),
  groupFailureCounts: z.boolean().default(false),
  eviction: z.enum(["oldest", "random"]).default("oldest"),
  collapseKeyLimit: z.int().min(1).max(100).default(4),
  storageLimit: z.int().min(1).max(10_000).default(100),
  throttling: ThrottlingSchema.prefault({}),
  quotas: QuotasSchema.prefault({}),
  uninstallDetectionDelayMs: durationMs.default(0),
  supersededLifetimeMs: durationMs.or(z.literal(Number.POSITIVE_INFINITY)).default(Number.POSITIVE_INFINITY),
  maxMessages: z.int().min(1).max(1_000_000).default(10_000),
  maxDevices: z.int().min(1).max(1_000_000).default(100_000),
  certificateNames: z.array(hostName).default([]),
  tls: z.strictObject({ cert: pem, key: pem, ca: pem.optional() }).optional(),
  allowedOrigins: z.array(origin).default([]),
  patienceMs: positiveMs.default(10_000),
  stateFile: z.string().min(1).optional(),
  ccs: CcsOptionsSchema.prefault({}),
});

/** Options with defaults applied. */
export type ResolvedOptions = Omit<z.output<typeof EmulatorOptionsSchema>, "apiKeys" | "tls"> & {
  readonly apiKeys: readonly ApiKey[];
  readonly tls: Certificates | undefined;
};

/** @throws {InvalidOptionsError} One problem per invalid option. */
export function resolveOptions(options: EmulatorOptions): ResolvedOptions {
  const { apiKeys, tls, ...rest } = readOptions(EmulatorOptionsSchema, options, "an option of the emulator");
  return {
    ...rest,
    tls: tls && ownCertificates(tls),
    apiKeys: apiKeys.map((entry) => (typeof entry === "string" ? { key: entry } : entry)),
  };
}

// bodies of the control API

const text = z.string().min(1);
const wireText = z.record(z.string(), z.string());
const retryAfter = z.union([
  z.string(),
  z.strictObject({ date: z.number().describe("Milliseconds since the epoch, or from now when below a year") }),
]);
const times = z.number().min(1).describe("How often. Default 1").optional();
const after = z.int().min(0).describe("Requests that pass before the first one it meets. Default 0").optional();
const faultEndpoint = z.enum(["gcm-http", "ccs", "fcm-v1", "instance-id"]);
const httpFaultEndpoint = z.enum(["gcm-http", "fcm-v1", "instance-id", "device-groups"]);

/** `null`: no limit, since JSON has no infinity. */
const limit = z.int().min(1).nullable().optional();

/** Bodies of the control API, by purpose. */
export const ControlBodies = {
  createDevice: z.strictObject({
    name: text.optional(),
    packageName: text.optional(),
    senderId: senderId.optional(),
    senderIds: z.array(senderId).min(1).max(100).optional(),
    token: text.optional(),
    connected: z.boolean().optional(),
    idle: z.boolean().optional(),
    platform: z.enum(PLATFORMS).describe("Default android").optional(),
    confirmReceipts: z.enum(["auto", "manual"]).optional(),
  }),
  changeDevice: z.strictObject({
    connected: z.boolean().optional(),
    idle: z.boolean().optional(),
    confirmReceipts: z.enum(["auto", "manual"]).optional(),
  }),
  reregister: z.strictObject({ token: text.describe("The new token. Default: made up").optional() }),
  upstream: z.strictObject({
    data: wireText.default({}),
    senderId: senderId.optional(),
    notificationKey: text.optional(),
    messageId: text.optional(),
    timeToLiveSec: z.int().min(0).max(2_419_200).optional(),
  }),
  confirm: z.strictObject({ messageId: text }),
  topic: z.strictObject({ topic: text }),
  fault: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("next"),
      to: text.optional(),
      token: text.optional(),
      endpoint: faultEndpoint.optional(),
      error: text.describe("A name of the error-code table, or the wire's own word"),
      times,
      retryAfter: retryAfter.optional(),
      detail: z.string().optional(),
    }),
    z.strictObject({
      kind: z.literal("random"),
      rate: z.number().min(0).max(1),
      error: text,
      endpoint: faultEndpoint.optional(),
    }),
    z.strictObject({
      kind: z.literal("request"),
      status: z.int().min(200).max(599),
      retryAfter: retryAfter.optional(),
      body: z.string().optional(),
      contentType: z.string().optional(),
      times,
      after,
      endpoint: httpFaultEndpoint.optional(),
    }),
    z.strictObject({
      kind: z.literal("http"),
      fault: z.enum(HTTP_FAULT_KINDS),
      accept: z.boolean().optional(),
      delayMs: z.number().min(0).optional(),
      streams: z.int().min(0).describe("Concurrent streams that lower-streams allows. Default 1").optional(),
      times,
      after,
      endpoint: httpFaultEndpoint.optional(),
    }),
    z.strictObject({
      kind: z.literal("cut"),
      messages: z.int().min(1),
      beforeAck: z.boolean().optional(),
      accept: z.boolean().optional(),
      times,
    }),
    z.strictObject({
      kind: z.literal("drain"),
      messages: z.int().min(1),
      nack: z.boolean().optional(),
      times,
    }),
    z.strictObject({
      kind: z.literal("login"),
      fault: z.enum(["refuse", "hang", "not-authorized", "temporary-auth-failure"]),
      times,
    }),
  ]),
  advance: z.strictObject({ advanceMs: z.number().min(0) }),
  drain: z.strictObject({ connectionId: z.int().optional(), nack: z.boolean().optional() }),
  cut: z.strictObject({ connectionId: z.int().optional() }),
  ack: z.strictObject({ messageId: text.describe("Default: every held message").optional() }),
  nack: z.strictObject({ messageId: text, error: text, detail: z.string().optional() }),
  autoAck: z.strictObject({ autoAck: z.boolean() }),
  settings: z.strictObject({
    quotas: z
      .strictObject({
        messagesPerMinute: limit.describe("Messages per project over v1. FCM published 600000"),
        retryAfter: retryAfterForm.describe("Whether that 429 has a Retry-After, and in which form").optional(),
        messagesPerTopicPerMinute: limit,
        topicChangesPerSecond: limit.describe("Per project. FCM published 3000"),
        fanOutPerSecond: limit.describe("Deliveries of topic messages per project. FCM published about 10000"),
        concurrentFanOuts: limit.describe("Topic messages of a project under way at the same time. FCM published 1000"),
      })
      .optional(),
    fcm: z
      .strictObject({
        tokenLifetimeSec: z.int().min(1).describe("How long new access tokens are good").optional(),
        acceptForeignTokens: z
          .boolean()
          .describe("Whether access tokens that the emulator has not given out are good")
          .optional(),
      })
      .optional(),
  }),
} as const;

/** Purpose of a control API body. */
export type BodyKind = keyof typeof ControlBodies;
/** Parsed body of the control API; an absent field is not present as `undefined`. */
export type ControlBody<K extends BodyKind> = Defined<z.output<(typeof ControlBodies)[K]>>;
type Defined<T> = T extends object ? { [K in keyof T]: Exclude<T[K], undefined> } : T;

/** Reads a body of the control API. */
export function readControlBody(
  kind: BodyKind,
  value: unknown,
): { readonly body: unknown } | { readonly problems: readonly FieldProblem[] } {
  const reading = readInput<object>(ControlBodies[kind], value, { name: "a field of this call" });
  return "value" in reading ? { body: defined(reading.value) } : reading;
}

/** JSON Schema of a body, for the OpenAPI document. */
export function jsonSchemaOf(kind: BodyKind): unknown {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(ControlBodies[kind], { io: "input" });
  return schema;
}

// saved states

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
  /** Index of its text in `wires`. */
  wire: z.int().min(0),
  timeline: z.array(timelineEntry),
});

const deliveredContent = z.strictObject({
  data: wireText,
  notification: z.record(z.string(), z.unknown()).optional(),
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
          tokenExpiries: z.record(z.string(), time),
          canonicalToken: text,
          installed: z.boolean(),
          confirmReceipts: z.enum(["auto", "manual"]),
          topics: z.record(z.string(), time),
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
