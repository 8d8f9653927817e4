import type { DownstreamTransport } from "@cloud-messaging/core/transport";
import { z } from "@cloud-messaging/core/transport";
import type { FcmCredential } from "../auth/credential.ts";
import type { CredentialCheck } from "../auth/credential-check.ts";
import {
  type ConnectionOptions,
  connectionShape,
  count,
  duration,
  endpointSchema,
  projectIdSchema,
} from "../common/connection-options.ts";
import type { QuotaOptions } from "./quota.ts";

/** A field without an equivalent in FCM HTTP v1; the message was sent without it. */
export interface FcmNotice {
  /** Path of the field: `delayWhileIdle`. */
  readonly field: string;
  /** Replacement. */
  readonly detail: string;
}

/** FCM HTTP v1: one attempt per call. */
export interface FcmV1Transport extends DownstreamTransport {
  /**
   * Checks the credentials with one request: gets an access token, and asks the service to validate a message to a token that cannot
   * exist. Sends nothing to anybody. Throws only for wrong options.
   */
  verifyCredentials(options?: { readonly signal?: AbortSignal }): Promise<CredentialCheck>;
}

/** Options of the connection to FCM HTTP v1. */
export interface FcmV1TransportOptions
  extends Omit<ConnectionOptions, "maxConnections" | "requestTimeoutMs" | "idleTimeoutMs"> {
  /**
   * Credential of the sender: a service-account key or the path of its file, a function that gets access tokens, a credential of
   * firebase-admin.
   * @defaultValue "application-default": application default credentials of the environment
   */
  readonly credential?: FcmCredential;
  /**
   * The project's ID or number.
   * @defaultValue the one that the key names, given as an object, as text or as a file's path; else GOOGLE_CLOUD_PROJECT. With
   * application default credentials GOOGLE_CLOUD_PROJECT goes first, then their own project, then what Google Cloud says
   */
  readonly projectId?: string;
  /**
   * Address under which `/v1/projects/…` is: an origin, with a path before it if need be. The emulator's, for example.
   * @defaultValue "https://fcm.googleapis.com"
   */
  readonly endpoint?: (string & {}) | URL;
  /**
   * HTTP/1.1 costs least CPU per message and has one connection per request under way. HTTP/2 carries as much over few connections, and
   * proves of more messages that they were not processed. Both go through a proxy by CONNECT.
   * @defaultValue "1.1"
   */
  readonly httpVersion?: "1.1" | "2";
  /**
   * Maximum number of requests in flight. Reduced while the service reports overload (429, 503) or has become slow.
   * Range: 1 to 100000.
   * @defaultValue 256 over HTTP/1.1, 500 over HTTP/2
   */
  readonly maxRequests?: number;
  /**
   * Maximum number of connections; a further one is opened only when the others are busy. Range: 1 to 10000.
   * @defaultValue `maxRequests` over HTTP/1.1, 8 over HTTP/2
   */
  readonly maxConnections?: number;
  /**
   * Time limit of one attempt, connecting included; waits for a free connection, for quota and for an access token excluded. Unit: milliseconds. Range: above 0.
   * The service asks for 10 s or more: a shorter limit makes duplicates, since what was not answered in time may have been accepted.
   * @defaultValue 15000
   */
  readonly requestTimeoutMs?: number;
  /**
   * Idle time-out of a connection. Unit: milliseconds. Range: above 0.
   * @defaultValue 30000 over HTTP/1.1, 120000 over HTTP/2 (the service ends it after about three minutes)
   */
  readonly idleTimeoutMs?: number;
  /**
   * Rate limit of the project, shared by all its senders in this process; `false` for none.
   * @defaultValue 600000 messages a minute, without a ramp-up
   */
  readonly quota?: QuotaOptions | false;
  /**
   * Called once for each field that FCM HTTP v1 has no equivalent for. The event `cloud-messaging:notice` is published besides.
   * @defaultValue a warning on `process`, of type `CloudMessagingWarning`
   */
  readonly onNotice?: (notice: FcmNotice) => void;
}

/** Names by habit: from GCM, and from other libraries. */
export const FCM_V1_OPTION_ALIASES = {
  apiKey: "credential",
  serverKey: "credential",
  serviceAccount: "credential",
  serviceAccountKey: "credential",
  keyFile: "credential",
  keyFilename: "credential",
  ca: "tls.ca",
} as const;

/** Schema of `FcmV1TransportOptions`. The credential is checked by its kind, in `createAccessTokenProvider`. */
export const fcmV1OptionsSchema = z.strictObject({
  ...connectionShape,
  maxConnections: count(10_000).optional(),
  requestTimeoutMs: duration("requestTimeoutMs").default(15_000),
  idleTimeoutMs: duration("idleTimeoutMs").optional(),
  maxResponseBytes: count(2 ** 30).default(65_536),
  credential: z.unknown().optional(),
  projectId: projectIdSchema.optional(),
  endpoint: endpointSchema.default("https://fcm.googleapis.com"),
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
