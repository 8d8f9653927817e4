// The public list, name by name: what users need first comes first.

export type { AccessToken } from "./auth/access-token.ts";
export type { FcmCredential, FirebaseAdminCredential } from "./auth/credential.ts";
export type { FirebaseAdminServiceAccount } from "./auth/service-account-key.ts";
// parts, each usable by itself
export type { CredentialCheck } from "./credential-check.ts";
export { createFcmSender, type FcmSender, type FcmSenderOptions } from "./fcm-sender.ts";
export type { FcmNotice, FcmV1Transport, FcmV1TransportOptions } from "./fcm-v1/options.ts";
export type { QuotaOptions } from "./fcm-v1/quota.ts";
export { FCM_V1_RETRY_POLICY } from "./fcm-v1/retry-policy.ts";
export { createFcmV1Transport } from "./fcm-v1/transport.ts";
export type { GcmHttpFormat } from "./gcm/codec.ts";
export {
  type ConnectionOptions,
  createGcmHttpTransport,
  GCM_HTTP_RETRY_POLICY,
  type GcmHttpTransport,
  type GcmHttpTransportOptions,
} from "./gcm/transport.ts";
export { createGcmSender, type GcmSender, type GcmSenderOptions } from "./gcm-sender.ts";
export { GCM_ENDPOINTS, type GcmEndpointName } from "./http/endpoint.ts";
export type { ManagementCredentials } from "./management/authorization.ts";
export type { CallOptions, FailedOutcome } from "./management/client.ts";
export {
  createDeviceGroups,
  DEVICE_GROUP_ENDPOINTS,
  type DeviceGroupResult,
  type DeviceGroups,
  type DeviceGroupsOptions,
  type GroupCallOptions,
  type GroupKey,
  MAX_GROUP_MEMBERS,
} from "./management/device-groups.ts";
export type { ManagementRetry } from "./management/retries.ts";
export {
  type ApnsImport,
  type ApnsImported,
  type ApnsImportOutcome,
  createTopics,
  type InstanceIdOptions,
  type InstanceIdTopics,
  type InstanceInfo,
  type InstanceInfoFound,
  type InstanceInfoResult,
  type TopicSubscription,
  type TopicSubscriptionsOptions,
  type Topics,
} from "./management/topics.ts";
