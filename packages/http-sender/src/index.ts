// The public list, name by name: what users need first comes first.

// parts, each usable by itself
export { GCM_ENDPOINTS, type GcmEndpointName } from "./endpoint.ts";
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
