import type { DownstreamTransport } from "@cloud-messaging/core/transport";
import { z } from "zod";
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

/** The GCM HTTP connection server: one attempt per call. */
export interface GcmHttpTransport extends DownstreamTransport {
  /**
   * Asks the service whether it takes the key, by the documented cheap way: a message to a token that cannot exist, with `dry_run`.
   * Sends nothing to anybody. An answer that does not speak of that token, as this service does, is `unknown`: a proxy or a log-in page gave it.
   *
   * @throws {InvalidOptionsError} `signal` is no AbortSignal.
   */
  verifyCredentials(options?: { readonly signal?: AbortSignal }): Promise<CredentialCheck>;
}

/** How to reach the GCM HTTP connection server. */
export interface GcmHttpTransportOptions extends ConnectionOptions {
  /** Server key of the project: 1 or more printable ASCII characters. Never shown in errors, events or `util.inspect`. */
  readonly apiKey: string;
  /**
   * One of Google's addresses by name (`gcm`, `gcm-http`, `fcm-legacy`), or any URL. Google has switched its own off: see FCM v1, and
   * the emulator.
   * @defaultValue "fcm-legacy"; the emulator, where the variable `CLOUD_MESSAGING_EMULATOR_HOST` (host:port) names one
   */
  readonly endpoint?: GcmEndpointName | (string & {}) | URL;
  /**
   * How requests are written. Plain text goes to one token per request and knows no notification, priority, topic, condition or group.
   * @defaultValue "json"
   */
  readonly format?: GcmHttpFormat;
  /**
   * More tokens are split over several requests. Range: 1 to 1000, the service's limit.
   * @defaultValue 1000
   */
  readonly maxTokensPerRequest?: number;
  /**
   * A request of several tokens that would be longer is split. Unit: bytes.
   * @defaultValue 1000000: the service's front end answers 413 to about 1 MiB
   */
  readonly maxRequestBytes?: number;
  /**
   * Requests of one send under way at once, so that a send to very many leaves connections to others.
   * @defaultValue 16
   */
  readonly maxRequestsPerSend?: number;
}

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
