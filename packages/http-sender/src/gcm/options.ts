import type { DownstreamTransport } from "@cloud-messaging/core/transport";
import { z } from "@cloud-messaging/core/transport";
import type { CredentialCheck } from "../auth/credential-check.ts";
import {
  apiKeySchema,
  type ConnectionOptions,
  connectionShape,
  count,
  endpointSchema,
} from "../common/connection-options.ts";
import type { GcmEndpointName } from "../common/endpoint.ts";
import type { GcmHttpFormat } from "./codec.ts";

/** Transport over the GCM HTTP connection server: one attempt per call. */
export interface GcmHttpTransport extends DownstreamTransport {
  /**
   * Checks the key with one request: a dry run to a token that cannot exist. Delivers nothing. An answer that does not name that token, as
   * this service does, is `unknown`: a proxy or a login page may have given it.
   *
   * @throws {InvalidOptionsError} `signal` is no AbortSignal.
   */
  verifyCredentials(options?: { readonly signal?: AbortSignal }): Promise<CredentialCheck>;
}

/** Options of the connection to the GCM HTTP connection server. */
export interface GcmHttpTransportOptions extends ConnectionOptions {
  /** Server key of the project: 1 or more printable ASCII characters. Never shown in errors, events or `util.inspect`. */
  readonly apiKey: string;
  /**
   * One of Google's endpoints by name (`gcm`, `gcm-http`, `fcm-legacy`), or any URL. Google has shut its own down: see FCM v1 and the
   * emulator.
   * @defaultValue "fcm-legacy"; the emulator, where the variable `CLOUD_MESSAGING_EMULATOR_HOST` (host:port) names one
   */
  readonly endpoint?: GcmEndpointName | (string & {}) | URL;
  /**
   * Encoding of requests. Plain text has one token per request and no notification, priority, topic, condition or group.
   * @defaultValue "json"
   */
  readonly format?: GcmHttpFormat;
  /**
   * Maximum number of tokens per request; more are split. Range: 1 to 1000, the service's limit.
   * @defaultValue 1000
   */
  readonly maxTokensPerRequest?: number;
  /**
   * Maximum size of a request with several tokens; a larger one is split. Unit: bytes.
   * @defaultValue 1000000: the service's front end answers 413 to about 1 MiB
   */
  readonly maxRequestBytes?: number;
  /**
   * Maximum number of requests of one send in flight, so that a large send leaves connections to others.
   * @defaultValue 16
   */
  readonly maxRequestsPerSend?: number;
}

/** Names by habit: other words for the key, and the credential of the other sender. */
export const GCM_HTTP_OPTION_ALIASES = {
  key: "apiKey",
  serverKey: "apiKey",
  credential: "createFcmSender",
  ca: "tls.ca",
} as const;

/** Schema of `GcmHttpTransportOptions`. */
export const gcmHttpOptionsSchema = z.strictObject({
  ...connectionShape,
  apiKey: apiKeySchema,
  endpoint: endpointSchema.default("fcm-legacy"),
  format: z.enum(["json", "plain-text"], { error: 'must be "json" or "plain-text"' }).default("json"),
  maxTokensPerRequest: count(1000).default(1000),
  maxRequestBytes: count(2 ** 30).default(1_000_000),
  maxRequestsPerSend: count(10_000).default(16),
});
