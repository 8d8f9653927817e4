import { isIP } from "node:net";
import type { Random } from "@cloud-messaging/core";
import { ClockSchema, readOptions, systemClock, z } from "@cloud-messaging/core/transport";
import { type Certificates, ownCertificates } from "./certificates.ts";
import { retryAfterForm, senderId } from "./fields.ts";
import { NO_QUOTAS } from "./model/quotas.ts";
import type { EmulatorOptions } from "./options.ts";
import type { ApiKey } from "./servers/credentials.ts";

const port = z.int("must be a whole number from 0 to 65535").min(0).max(65_535);
const durationMs = z.number().min(0, "must be 0 or more milliseconds");
const positiveMs = z.number().positive("must be more than 0 milliseconds");
const countOrNoLimit = z.int().min(1).or(z.literal(Number.POSITIVE_INFINITY));
const bucket = z.strictObject({ capacity: z.int().min(1), refillEveryMs: positiveMs });
const apiKey = z.string().regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");
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
  const { apiKeys, tls, ...rest } = readOptions(EmulatorOptionsSchema, options, "an option of the emulator", [], {
    port: "httpPort",
  });
  return {
    ...rest,
    tls: tls && ownCertificates(tls),
    apiKeys: apiKeys.map((entry) => (typeof entry === "string" ? { key: entry } : entry)),
  };
}
