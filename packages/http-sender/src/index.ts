// The public list, name by name: what users need first comes first.

// parts, each usable by itself
export { GCM_ENDPOINTS, type GcmEndpointName } from "./endpoint.ts";
export { createFcmSender, type FcmSenderOptions } from "./fcm-sender.ts";
export type { AccessToken } from "./fcm-v1/access-token.ts";
export type { FcmCredential, FirebaseAdminCredential } from "./fcm-v1/credential.ts";
export type { QuotaOptions } from "./fcm-v1/quota.ts";
export {
  createFcmV1Transport,
  FCM_V1_RETRY_POLICY,
  type FcmNotice,
  type FcmV1TransportOptions,
} from "./fcm-v1/transport.ts";
export type { GcmHttpFormat } from "./gcm/codec.ts";
export {
  type ConnectionOptions,
  type CredentialCheck,
  createGcmHttpTransport,
  GCM_HTTP_RETRY_POLICY,
  type GcmHttpTransport,
  type GcmHttpTransportOptions,
} from "./gcm/transport.ts";
export type { TlsOptions } from "./http.ts";
export { createHttpSender, type HttpSender, type HttpSenderOptions } from "./http-sender.ts";
