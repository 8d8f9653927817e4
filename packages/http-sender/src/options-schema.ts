import type { BackoffPolicy } from "@cloud-messaging/core";
import { ClockSchema, proxyProblem, TlsSchema } from "@cloud-messaging/core/transport";
import { z } from "zod";
import { PROJECT_ID, PROJECT_ID_WORDS } from "./auth/project-id.ts";

// visible ASCII: what can stand in a header without meaning anything else there
const HEADER_VALUE = /^[\x21-\x7e]+$/;

const duration = (name: string) =>
  z
    .number({ error: `must be a number of milliseconds (${name})` })
    .positive("must be above 0")
    .max(2 ** 31 - 1, "must be below 2^31 (about 24 days)");
const count = (max: number) =>
  z.int({ error: "must be a whole number" }).min(1, "must be 1 or more").max(max, `must be ${max} or less`);

/** Never says what the value was: it is a secret. */
export const apiKeySchema = z
  .string({
    error: ({ input }) =>
      input === undefined
        ? "is missing: give the server key of the project"
        : `must be a string, the server key of the project, not of the type ${typeof input}`,
  })
  .regex(HEADER_VALUE, "must be a server key: printable ASCII without spaces, control characters or line ends");

const proxySchema = z
  .union([z.literal(false), z.string()], "must be the URL of a proxy, or false for none")
  .superRefine((value, context) => {
    const problem = value === false ? undefined : proxyProblem(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: `${problem}; false for none` });
  });

const projectIdSchema = z.string().regex(PROJECT_ID, PROJECT_ID_WORDS);

/** What every client of an HTTP service of Google's can be told about its connections. */
export const connectionShape = {
  allowInsecure: z.boolean().default(false),
  tls: TlsSchema.optional(),
  proxy: proxySchema.optional(),
  maxSockets: count(10_000).default(64),
  requestTimeoutMs: duration("requestTimeoutMs").default(30_000),
  keepAliveMs: duration("keepAliveMs").default(30_000),
  closeTimeoutMs: duration("closeTimeoutMs").default(30_000),
  maxResponseBytes: count(2 ** 30).default(4 * 1024 * 1024),
  clock: ClockSchema.optional(),
};

/** Options of `createGcmHttpTransport`. Documented at `GcmHttpTransportOptions`. */
export const gcmHttpOptionsSchema = z.strictObject({
  ...connectionShape,
  apiKey: apiKeySchema,
  endpoint: z.union([z.string(), z.instanceof(URL)]).default("fcm-legacy"),
  format: z.enum(["json", "plain-text"], { error: 'must be "json" or "plain-text"' }).default("json"),
  maxTokensPerRequest: count(1000).default(1000),
  maxRequestBytes: count(2 ** 30).default(1_000_000),
  maxRequestsPerSend: count(10_000).default(16),
});

/** Options of `createFcmV1Transport`. Documented at `FcmV1TransportOptions`; the credential is checked by its kind. */
export const fcmV1OptionsSchema = z.strictObject({
  ...connectionShape,
  maxSockets: count(10_000).optional(),
  requestTimeoutMs: duration("requestTimeoutMs").default(15_000),
  keepAliveMs: duration("keepAliveMs").optional(),
  maxResponseBytes: count(2 ** 30).default(65_536),
  credential: z.unknown().optional(),
  projectId: projectIdSchema.optional(),
  endpoint: z.union([z.string(), z.instanceof(URL)]).default("https://fcm.googleapis.com"),
  httpVersion: z.enum(["1.1", "2"], { error: 'must be "1.1" or "2"' }).default("1.1"),
  maxRequests: count(100_000).optional(),
  quota: z
    .union([
      z.literal(false),
      z.strictObject({
        perMinute: z.number().positive("must be above 0").optional(),
        rampUpMs: z.number().min(0, "must be 0 or more").optional(),
      }),
    ])
    .optional(),
  onNotice: z.custom<(notice: never) => void>((value) => typeof value === "function", "must be a function").optional(),
});

/** Whether it can be kept is checked where it is used: by core's `withRetry`. */
const retrySchema = z.custom<Partial<BackoffPolicy> | false>(
  (value) => value === false || (typeof value === "object" && value !== null),
  "must be an object with parts of the retry policy, or false for one attempt only",
);

/** Options of `createDeviceGroups`. Documented at `DeviceGroupsOptions`; the credential is checked by its kind. */
export const deviceGroupOptionsSchema = z.strictObject({
  ...connectionShape,
  retry: retrySchema.optional(),
  maxSockets: count(10_000).default(8),
  apiKey: apiKeySchema.optional(),
  credential: z.unknown().optional(),
  senderId: z
    .string({ error: "is missing: give the number of the project" })
    .regex(/^\d{1,32}$/, "must be the number of the project"),
  endpoint: z.union([z.string(), z.instanceof(URL)]).default("fcm"),
});

/** Options of `createTopics` with the Instance ID backend. Documented at `InstanceIdOptions`. */
export const instanceIdOptionsSchema = z.strictObject({
  ...connectionShape,
  retry: retrySchema.optional(),
  maxSockets: count(10_000).default(8),
  backend: z.literal("instance-id"),
  apiKey: apiKeySchema.optional(),
  credential: z.unknown().optional(),
  endpoint: z.union([z.string(), z.instanceof(URL)]).default("https://iid.googleapis.com"),
});

/** Options of `createTopics` with the topic-subscription backend. Documented at `TopicSubscriptionsOptions`. */
export const topicSubscriptionsOptionsSchema = z.strictObject({
  ...connectionShape,
  retry: retrySchema.optional(),
  backend: z.literal("topic-subscriptions"),
  credential: z.unknown().optional(),
  projectId: projectIdSchema.optional(),
  endpoint: z.union([z.string(), z.instanceof(URL)]).default("https://fcm.googleapis.com"),
});
