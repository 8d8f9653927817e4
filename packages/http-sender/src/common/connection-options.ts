import type { Clock, TlsOptions } from "@cloud-messaging/core";
import { ClockSchema, proxyProblem, TlsSchema, z } from "@cloud-messaging/core/transport";
import { PROJECT_ID, PROJECT_ID_WORDS } from "../auth/project-id.ts";

/** Connection options shared by the senders and the management clients. */
export interface ConnectionOptions {
  /**
   * Allows plain `http:` to other machines. The key travels in a header, readable by anyone on the path.
   * @defaultValue false: plain `http:` to this machine only
   */
  readonly allowInsecure?: boolean;
  /** TLS settings: a private CA, a client certificate. The chain and the host name are always verified. */
  readonly tls?: TlsOptions;
  /**
   * URL of an HTTP proxy, with user name and password if required; `false` for none, regardless of the environment.
   * @defaultValue from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; none for loopback hosts
   */
  readonly proxy?: string | false;
  /**
   * Maximum number of connections, and of requests in flight. Reduced while the service reports overload (429, 503).
   * Range: 1 to 10000.
   * @defaultValue 64
   */
  readonly maxConnections?: number;
  /**
   * Time limit of one attempt, connecting included, waiting for a free connection excluded. Unit: milliseconds. Range:
   * above 0. Below 10 s duplicates become likely: a message written and not answered in time may have been accepted.
   * @defaultValue 30000
   */
  readonly requestTimeoutMs?: number;
  /**
   * Idle time-out of a connection. Unit: milliseconds. Range: above 0.
   * @defaultValue 30000, or the server's `Keep-Alive` if that is shorter
   */
  readonly idleTimeoutMs?: number;
  /**
   * Longest wait of `close()` for requests in flight. Unit: milliseconds. Range: above 0.
   * @defaultValue 30000
   */
  readonly closeTimeoutMs?: number;
  /**
   * Maximum size of an answer; a longer one is cut off and counts as `invalid-response`. Unit: bytes.
   * @defaultValue 4194304 (4 MiB; an answer about 1000 tokens has at most about 400 KB)
   */
  readonly maxResponseBytes?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** Visible ASCII: the only characters without a meaning of their own in a header. */
const HEADER_VALUE = /^[\x21-\x7e]+$/;

/** Schema of a duration. Unit: milliseconds. */
export const duration = (name: string) =>
  z
    .number({ error: `must be a number of milliseconds (${name})` })
    .positive("must be above 0")
    .max(2 ** 31 - 1, "must be below 2^31 (about 24 days)");
/** Schema of a limit: a whole number from 1 to `max`. */
export const count = (max: number) =>
  z.int({ error: "must be a whole number" }).min(1, "must be 1 or more").max(max, `must be ${max} or less`);

/** Schema of a server key. Its problems never hold the value, which is a secret. */
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

/** Schema of an endpoint: a name or a URL, resolved by `parseEndpoint`. */
export const endpointSchema = z.union([z.string(), z.instanceof(URL)]);

/** Schema of a project ID or number. */
export const projectIdSchema = z.string().regex(PROJECT_ID, PROJECT_ID_WORDS);

/** Schema of `ConnectionOptions`, field by field. */
export const connectionShape = {
  allowInsecure: z.boolean().default(false),
  tls: TlsSchema.optional(),
  proxy: proxySchema.optional(),
  maxConnections: count(10_000).default(64),
  requestTimeoutMs: duration("requestTimeoutMs").default(30_000),
  idleTimeoutMs: duration("idleTimeoutMs").default(30_000),
  closeTimeoutMs: duration("closeTimeoutMs").default(30_000),
  maxResponseBytes: count(2 ** 30).default(4 * 1024 * 1024),
  clock: ClockSchema.optional(),
};
