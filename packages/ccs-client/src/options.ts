import { isIP } from "node:net";
import {
  type BackoffPolicy,
  type Clock,
  InvalidOptionsError,
  type Random,
  type TlsOptions,
} from "@cloud-messaging/core";
import {
  AbortSignalSchema,
  ClockSchema,
  defined,
  environmentProxy,
  hostInUrl,
  proxyProblem,
  readOptions,
  SENDER_OPTION_NAMES,
  systemClock,
  TlsSchema,
  z,
} from "@cloud-messaging/core/transport";
import { createRedactor } from "./redactor.ts";
import { createHandledMessages, type HandledMessages } from "./upstream/handled-messages.ts";
import type { DeadLetterHandler, ReceiptHandler, UpstreamHandler } from "./upstream/handlers.ts";

/** Back-off of reconnects: after each failed attempt a random wait between 0 and `initialMs` × 2^(failures − 1), at most `maxMs` (full jitter). */
export interface ReconnectPolicy {
  /** Upper bound of the first wait. Unit: milliseconds. Range: above 0. */
  readonly initialMs: number;
  /** Upper bound of every wait. Unit: milliseconds. Range: `initialMs` or more. */
  readonly maxMs: number;
}

/** Options of `createCcsTransport`. Only `senderId` and `apiKey` are required. */
export interface CcsTransportOptions {
  /** Sender ID, also called project number. Range: 1 to 32 digits. */
  readonly senderId: string;
  /** API key of the sender. Sent once per connection, over TLS; never part of errors, events or logs. */
  readonly apiKey: string;
  /**
   * Host name or address of the server.
   * @defaultValue `"gcm.googleapis.com"`; if `port` is not given either, the emulator that `CLOUD_MESSAGING_EMULATOR_CCS` or
   * `CLOUD_MESSAGING_EMULATOR_HOST` names, with the CA in `CLOUD_MESSAGING_EMULATOR_CA_FILE`
   * @see docs/protocol/ccs.md#connecting
   */
  readonly host?: string;
  /** TCP port of the server. Range: 1 to 65535. @defaultValue 5235 */
  readonly port?: number;
  /** TLS settings: the CA of an emulator or a relay, a client certificate, the name to verify. @defaultValue Node's CAs, and the host */
  readonly tls?: TlsOptions;
  /**
   * URL of an HTTP proxy to tunnel through (`CONNECT`): http: or https:, optionally with user name and password. `false`: no proxy, also if
   * the environment has one. TLS and the login are between this client and CCS.
   * @defaultValue by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; none for a loopback host
   */
  readonly proxy?: string | false;
  /**
   * Complete SASL login name.
   * @defaultValue `<senderId>@gcm.googleapis.com`, for every host
   * @see docs/protocol/ccs.md#login
   */
  readonly login?: string;
  /** `to` attribute of the XMPP stream. @defaultValue `"gcm.googleapis.com"` */
  readonly domain?: string;
  /** XMPP resource to request; CCS may bind another one. @defaultValue chosen by the server */
  readonly resource?: string;
  /**
   * Number of connections. CCS allows 1000 per sender.
   *
   * Range: 1 to 1000.
   * @defaultValue 1
   * @see docs/protocol/ccs.md#connections
   */
  readonly connections?: number;
  /**
   * Maximum number of messages in flight on one connection. Further messages wait.
   *
   * Range: 1 to 100.
   * @defaultValue 100
   * @see docs/protocol/ccs.md#flow-control
   */
  readonly maxPendingMessages?: number;
  /**
   * Time-out of an answer. When it elapses, the connection drains and the message is resent on a new one with the same message ID.
   * Unit: milliseconds. Range: above 0.
   * @defaultValue 60000
   */
  readonly ackTimeoutMs?: number;
  /**
   * Maximum time that a draining connection stays open for answers and upstream messages, unless CCS closes it earlier.
   * Unit: milliseconds. Range: above 0.
   * @defaultValue 60000
   */
  readonly drainTimeoutMs?: number;
  /**
   * Maximum time that `close()` waits for messages in flight, running handlers and messages held by `upstream()` iterators.
   * Unit: milliseconds. Range: 0 or more.
   * @defaultValue 10000
   */
  readonly closeTimeoutMs?: number;
  /** Time-out for the server to close the stream after this side has. Unit: milliseconds. Range: 0 or more. @defaultValue 2000 */
  readonly streamCloseTimeoutMs?: number;
  /** Time-out of the TCP connection and TLS handshake. Unit: milliseconds. Range: above 0. @defaultValue 10000 */
  readonly connectTimeoutMs?: number;
  /** Time-out of stream negotiation, login and resource binding, after TLS. Unit: milliseconds. Range: above 0. @defaultValue 15000 */
  readonly loginTimeoutMs?: number;
  /** Interval of whitespace keep-alives (RFC 6120, 4.6.1) while nothing else is written. Unit: milliseconds. Range: above 0. @defaultValue 30000 */
  readonly keepAliveIntervalMs?: number;
  /** Interval of pings (XEP-0199) while nothing is received. Unit: milliseconds. Range: above 0. @defaultValue 60000 */
  readonly pingIntervalMs?: number;
  /** Time-out after a ping: the connection is closed if nothing is received. Unit: milliseconds. Range: above 0. @defaultValue 20000 */
  readonly pingTimeoutMs?: number;
  /** Back-off of reconnects. @defaultValue `{ initialMs: 1000, maxMs: 60000 }` */
  readonly reconnect?: Partial<ReconnectPolicy>;
  /**
   * Maximum number of connection attempts per minute, over all connections.
   *
   * Range: 1 to 400.
   * @defaultValue 400
   * @see docs/protocol/ccs.md#connections
   */
  readonly maxConnectsPerMinute?: number;
  /** Maximum length of a stanza, tags included; a longer one closes the connection. Unit: characters. Range: 8192 or more. @defaultValue 262144 */
  readonly maxStanzaChars?: number;
  /** Handler of upstream messages; each is acknowledged when the promise fulfils. Can also be set later, with `onUpstream()`. */
  readonly onUpstream?: UpstreamHandler;
  /**
   * Handler of delivery receipts; each is acknowledged when the promise fulfils, or on arrival while more than 25 of a connection are
   * unacknowledged. Receipts that arrive while there is no handler are acknowledged and discarded: set it here, or with `onReceipt()` before the
   * connection is online.
   */
  readonly onReceipt?: ReceiptHandler;
  /** Handler of dead letters: messages and receipts whose handler has failed `maxDeliveryAttempts` times. Called before they are acknowledged. */
  readonly onDeadLetter?: DeadLetterHandler;
  /** Maximum number of upstream handlers running at once, and of receipt handlers. Messages of one device are handled in order. Range: 1 or more. @defaultValue 16 */
  readonly handlerConcurrency?: number;
  /** Number of handler calls for a message before it becomes a dead letter. Range: 1 or more. @defaultValue 5 */
  readonly maxDeliveryAttempts?: number;
  /** Maximum number of upstream messages held for the handler, and of receipts. CCS redelivers those beyond it. Range: 1 or more. @defaultValue 1000 */
  readonly maxQueuedDeliveries?: number;
  /** Store of handled messages, for deduplication of redeliveries. @defaultValue the last 10000, in memory */
  readonly handledMessages?: HandledMessages;
  /** Time-out of the receipts of `send(…, { receipt: true })`, from the ack. Unit: milliseconds. Range: above 0. @defaultValue 60000 */
  readonly receiptTimeoutMs?: number;
  /** Clock, for tests. @defaultValue the system clock */
  readonly clock?: Clock;
  /** Source of random numbers, for tests. @defaultValue `Math.random` */
  readonly random?: Random;
}

/** Options with defaults applied. */
export interface ResolvedCcsOptions
  extends Required<Omit<CcsTransportOptions, "tls" | "proxy" | "resource" | "reconnect" | OptionalHandlers>>,
    Pick<CcsTransportOptions, OptionalHandlers> {
  readonly tls: TlsOptions | undefined;
  /** URL of the proxy; `undefined` for none. */
  readonly proxy: string | undefined;
  readonly resource: string | undefined;
  readonly reconnect: ReconnectPolicy;
  /** Redactor for text from the server. */
  readonly redact: (text: string) => string;
}

type OptionalHandlers = "onUpstream" | "onReceipt" | "onDeadLetter";

/**
 * Retry policy of CCS after a nack: exponential back-off from 1 s with jitter per message; 30 s or more after a rate limit.
 *
 * Source: docs/protocol/ccs.md#nack
 */
export const CCS_RETRY_POLICY: BackoffPolicy = {
  minMs: 1_000,
  initialMs: 1_000,
  maxMs: 60_000,
  rateLimitedMinMs: 30_000,
  maxAttempts: 6,
  maxResends: 1,
  totalMs: 600_000,
};

const milliseconds = (defaultMs: number) =>
  z.number(say("must be a number of milliseconds")).positive("must be above 0 milliseconds").default(defaultMs);
const millisecondsOrNone = (defaultMs: number) =>
  z.number(say("must be a number of milliseconds")).min(0, "must be 0 milliseconds or more").default(defaultMs);
const whole = (min: number, max: number, defaultValue: number) =>
  z
    .int(say(`must be a whole number from ${min} to ${max}`))
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(defaultValue);
const text = () => z.string(say("must be a string")).min(1, "must not be empty");
const handler = <T>() => z.custom<T>((value) => typeof value === "function", "must be a function");
const shaped = <T>(methods: readonly string[]) =>
  z.custom<T>(
    (value) => methods.every((name) => typeof (value as Record<string, unknown> | null)?.[name] === "function"),
    `must be an object with ${methods.join(" and ")}`,
  );

function say(problem: string) {
  // names only the type of the value, which may be a secret
  return {
    error: (issue: { input?: unknown }) =>
      issue.input === undefined ? "is missing" : `${problem}, not ${typeof issue.input}`,
  };
}

const LARGE = Number.MAX_SAFE_INTEGER;

const OptionsSchema = z.strictObject({
  senderId: z
    .string(say("must be a string of digits: the sender ID, also called project number"))
    .regex(/^[0-9]{1,32}$/, "must consist of digits: the sender ID, also called project number"),
  apiKey: text().regex(/^[\x21-\x7e]+$/, "must be the API key: printable ASCII characters without spaces"),
  host: text()
    .refine(
      (host) => isIP(host) !== 0 || /^[A-Za-z0-9._-]+$/.test(host),
      "must be a host name or address alone: no scheme, no port, no path",
    )
    .default("gcm.googleapis.com"),
  port: whole(1, 65_535, 5_235),
  tls: TlsSchema.optional(),
  proxy: z
    .union([z.literal(false), z.string()], "must be the URL of a proxy, or false for none")
    .superRefine((value, context) => {
      const problem = value === false ? undefined : proxyProblem(value);
      if (problem !== undefined) context.addIssue({ code: "custom", message: `${problem}; false for none` });
    })
    .optional(),
  // ASCII only: the base64 encoder of @xmpp/client supports no more
  login: text()
    .regex(/^[\x21-\x7e]+$/, "must be the login name: printable ASCII characters without spaces")
    .optional(),
  domain: text().default("gcm.googleapis.com"),
  resource: text().optional(),
  connections: whole(1, 1_000, 1),
  maxPendingMessages: whole(1, 100, 100),
  ackTimeoutMs: milliseconds(60_000),
  drainTimeoutMs: milliseconds(60_000),
  closeTimeoutMs: millisecondsOrNone(10_000),
  streamCloseTimeoutMs: millisecondsOrNone(2_000),
  connectTimeoutMs: milliseconds(10_000),
  loginTimeoutMs: milliseconds(15_000),
  keepAliveIntervalMs: milliseconds(30_000),
  pingIntervalMs: milliseconds(60_000),
  pingTimeoutMs: milliseconds(20_000),
  reconnect: z.strictObject({ initialMs: milliseconds(1_000), maxMs: milliseconds(60_000) }).prefault({}),
  maxConnectsPerMinute: whole(1, 400, 400),
  maxStanzaChars: whole(8_192, LARGE, 262_144),
  onUpstream: handler<UpstreamHandler>().optional(),
  onReceipt: handler<ReceiptHandler>().optional(),
  onDeadLetter: handler<DeadLetterHandler>().optional(),
  handlerConcurrency: whole(1, LARGE, 16),
  maxDeliveryAttempts: whole(1, LARGE, 5),
  maxQueuedDeliveries: whole(1, LARGE, 1_000),
  handledMessages: shaped<HandledMessages>(["has", "add"]).optional(),
  receiptTimeoutMs: milliseconds(60_000),
  clock: ClockSchema.default(systemClock),
  random: handler<Random>().default(() => Math.random),
});

/** Names by habit: from senders over HTTP, and where TLS settings have no object of their own. */
const ALIASES = { endpoint: "host", key: "apiKey", serverKey: "apiKey", ca: "tls.ca" };

/**
 * Checks the options and applies defaults.
 *
 * @throws {InvalidOptionsError} One problem per invalid option.
 */
export function resolveCcsOptions(options: CcsTransportOptions): ResolvedCcsOptions {
  const read = readOptions(OptionsSchema, options, "an option of the CCS client", SENDER_OPTION_NAMES, ALIASES);
  const { onUpstream, onReceipt, onDeadLetter, reconnect, ...rest } = read;
  if (reconnect.maxMs < reconnect.initialMs) {
    throw new InvalidOptionsError([{ path: "reconnect.maxMs", problem: "must be initialMs or more" }]);
  }
  const login = rest.login ?? `${rest.senderId}@gcm.googleapis.com`;
  const proxy = rest.proxy === undefined ? proxyOfEnvironment(rest) : rest.proxy || undefined;
  return {
    ...rest,
    reconnect,
    tls: rest.tls,
    resource: rest.resource,
    proxy,
    login,
    redact: createRedactor(login, rest.apiKey, proxy),
    handledMessages: rest.handledMessages ?? createHandledMessages(),
    ...defined({ onUpstream, onReceipt, onDeadLetter }),
  };
}

/** @throws {InvalidOptionsError} The environment has an invalid proxy URL. */
function proxyOfEnvironment({ host, port }: { readonly host: string; readonly port: number }): string | undefined {
  return environmentProxy(process.env, { host: hostInUrl(host), port, secure: true });
}

const ReceiptOptionsSchema = z.strictObject({
  timeoutMs: z.number().min(0, "must be 0 milliseconds or more").or(z.literal(Number.POSITIVE_INFINITY)).optional(),
  signal: AbortSignalSchema.optional(),
});

/** Checks the options of `CcsTransport.receiptFor`. @throws {InvalidOptionsError} One of them is wrong. */
export function checkReceiptOptions(options: unknown): void {
  readOptions(ReceiptOptionsSchema, options, "an option of receiptFor");
}
