// The names an application uses, in the order in which it meets them.

// Senders
export { createGcmSender, type GcmSender, type GcmSenderOptions } from "./gcm-sender.ts";
export { createFcmSender, type FcmSender, type FcmSenderOptions } from "./fcm-sender.ts";
export type { ConnectionOptions } from "./common/connection-options.ts";
export { GCM_ENDPOINTS, type GcmEndpointName } from "./common/endpoint.ts";
export type { GcmHttpFormat } from "./gcm/codec.ts";
export type { QuotaOptions } from "./fcm-v1/quota.ts";
export type { FcmNotice } from "./fcm-v1/options.ts";

// Messages, outcomes, registrations, errors and events: one install, one import
export * from "@cloud-messaging/core";

// Credentials
export type { FcmCredential, FirebaseAdminCredential } from "./auth/credential.ts";
export type { FirebaseAdminServiceAccount } from "./auth/service-account-key.ts";
export type { AccessToken } from "./auth/access-token.ts";
export type { CredentialCheck } from "./auth/credential-check.ts";

// Topics and device groups
export { createTopics } from "./management/create-topics.ts";
export type {
  Topics,
  TopicSubscription,
  InstanceIdTopics,
  InstanceInfo,
  InstanceInfoFound,
  InstanceInfoResult,
  ApnsImport,
  ApnsImported,
  ApnsImportOutcome,
} from "./management/topics.ts";
export {
  createDeviceGroups,
  type DeviceGroups,
  type DeviceGroupResult,
  type GroupKey,
  type GroupCallOptions,
  MAX_GROUP_MEMBERS,
} from "./management/device-groups.ts";
export {
  type TopicSubscriptionsOptions,
  type InstanceIdOptions,
  type DeviceGroupsOptions,
  DEVICE_GROUP_ENDPOINTS,
  type ManagementCredentials,
  type ManagementRetry,
} from "./management/options.ts";
export type { CallOptions, FailedOutcome } from "./management/client.ts";

// Transports: one attempt per call, for `withRetry` and `createSender` of core/transport
export { createGcmHttpTransport } from "./gcm/transport.ts";
export type { GcmHttpTransport, GcmHttpTransportOptions } from "./gcm/options.ts";
export { GCM_HTTP_RETRY_POLICY } from "./gcm/retry-policy.ts";
export { createFcmV1Transport } from "./fcm-v1/transport.ts";
export type { FcmV1Transport, FcmV1TransportOptions } from "./fcm-v1/options.ts";
export { FCM_V1_RETRY_POLICY } from "./fcm-v1/retry-policy.ts";
