import type { BackoffPolicy } from "@cloud-messaging/core";
import { z } from "@cloud-messaging/core/transport";
import type { FcmCredential } from "../auth/credential.ts";
import {
  apiKeySchema,
  type ConnectionOptions,
  connectionShape,
  count,
  endpointSchema,
  projectIdSchema,
} from "../common/connection-options.ts";

/** Credentials of a management client: exactly one of the legacy server key and OAuth2. */
export interface ManagementCredentials {
  /** Legacy server key of the project. Never shown in errors, events or `util.inspect`. */
  readonly apiKey?: string;
  /** OAuth2 credential: a service account, application default credentials or a function that gets access tokens. */
  readonly credential?: FcmCredential;
}

/** Retry option shared by the management clients. */
export interface ManagementRetry {
  /**
   * Retry policy for `retryable` outcomes, and for `ambiguous` ones of idempotent calls; `false` makes one attempt only.
   * @defaultValue attempts, waits and Retry-After as when sending: at most 6 attempts and 2 minutes for each request
   */
  readonly retry?: Partial<BackoffPolicy> | false;
}

/**
 * Endpoints of device-group management.
 *
 * Source: docs/protocol/gcm-http.md#device-groups
 */
export const DEVICE_GROUP_ENDPOINTS = {
  /** 2013 on. */
  gcm: "https://android.googleapis.com/gcm/notification",
  /** 2015 on. */
  "gcm-http": "https://gcm-http.googleapis.com/gcm/notification",
  /** Today. */
  fcm: "https://fcm.googleapis.com/fcm/notification",
} as const;

/** Options of `createDeviceGroups`. */
export interface DeviceGroupsOptions extends ManagementCredentials, ManagementRetry, ConnectionOptions {
  /** Sender ID: the number of the project. */
  readonly senderId: string;
  /**
   * One of Google's addresses by name, or any URL.
   * @defaultValue "fcm"
   */
  readonly endpoint?: keyof typeof DEVICE_GROUP_ENDPOINTS | (string & {}) | URL;
}

/** Options of `createTopics` over the Instance ID service: batches of 1000. Deprecated in favour of `topic-subscriptions`. */
export interface InstanceIdOptions extends ManagementCredentials, ManagementRetry, ConnectionOptions {
  readonly backend: "instance-id";
  /** @defaultValue "https://iid.googleapis.com" */
  readonly endpoint?: string | URL;
}

/** Options of `createTopics` over the topic-subscription service of 2026: one token and one topic per request. */
export interface TopicSubscriptionsOptions
  extends Omit<ManagementCredentials, "apiKey">,
    ManagementRetry,
    ConnectionOptions {
  readonly backend: "topic-subscriptions";
  /**
   * Project ID or number.
   * @defaultValue the project of the credential
   */
  readonly projectId?: string;
  /** @defaultValue "https://fcm.googleapis.com" */
  readonly endpoint?: string | URL;
}

/** Schema of a retry policy; its numbers are checked by core's retrier. */
const retrySchema = z.custom<Partial<BackoffPolicy> | false>(
  (value) => value === false || (typeof value === "object" && value !== null),
  "must be an object with parts of the retry policy, or false for one attempt only",
);

/** Schema of `DeviceGroupsOptions`. */
export const deviceGroupOptionsSchema = z.strictObject({
  ...connectionShape,
  retry: retrySchema.optional(),
  maxConnections: count(10_000).default(8),
  apiKey: apiKeySchema.optional(),
  credential: z.unknown().optional(),
  senderId: z
    .string({ error: "is missing: give the number of the project" })
    .regex(/^\d{1,32}$/, "must be the number of the project"),
  endpoint: endpointSchema.default("fcm"),
});

/** Schema of `InstanceIdOptions`. */
export const instanceIdOptionsSchema = z.strictObject({
  ...connectionShape,
  retry: retrySchema.optional(),
  maxConnections: count(10_000).default(8),
  backend: z.literal("instance-id"),
  apiKey: apiKeySchema.optional(),
  credential: z.unknown().optional(),
  endpoint: endpointSchema.default("https://iid.googleapis.com"),
});

/** Schema of `TopicSubscriptionsOptions`. */
export const topicSubscriptionsOptionsSchema = z.strictObject({
  ...connectionShape,
  retry: retrySchema.optional(),
  backend: z.literal("topic-subscriptions"),
  credential: z.unknown().optional(),
  projectId: projectIdSchema.optional(),
  endpoint: endpointSchema.default("https://fcm.googleapis.com"),
});
