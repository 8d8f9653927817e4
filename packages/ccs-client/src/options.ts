import { isIP, isIPv6 } from "node:net";
import {
  type BackoffPolicy,
  type Clock,
  InvalidOptionsError,
  type Random,
  systemClock,
  type TlsOptions,
} from "@cloud-messaging/core";
import {
  ClockSchema,
  environmentProxies,
  proxyProblem,
  readOptions,
  SENDER_OPTION_NAMES,
  TlsSchema,
} from "@cloud-messaging/core/transport";
import { z } from "zod";
import { createSecretsFilter } from "./secrets.ts";
import { createHandledMessages, type HandledMessages } from "./upstream/handled-messages.ts";
import type { DeadLetterHandler, ReceiptHandler, UpstreamHandler } from "./upstream/handlers.ts";

/** How to connect again after failures. The wait is drawn evenly from 0 to `initialMs` × 2^(failures − 1), at most `maxMs`. */
export interface ReconnectPolicy {
  /** Width of the first wait. Unit: milliseconds. Range: 1 or more. */
  readonly initialMs: number;
  /** No wait is longer. Unit: milliseconds. Range: `initialMs` or more. */
  readonly maxMs: number;
}

/** Everything `createCcsTransport` can be told. Only `senderId` and `apiKey` are needed. */
export interface CcsTransportOptions {
  /** The sender ID (project number): digits. */
  readonly senderId: string;
  /** The API key of the sender. Sent once per connection, over TLS, and shown nowhere. */
  readonly apiKey: string;
  /**
   * @defaultValue `"gcm.googleapis.com"`; when `port` is not given either, the emulator that `CLOUD_MESSAGING_EMULATOR_CCS` or
   * `CLOUD_MESSAGING_EMULATOR_HOST` names, with the CA in `CLOUD_MESSAGING_EMULATOR_CA_FILE`
   * @see docs/protocol/ccs.md#connecting
   */
  readonly host?: string;
  /** Range: 1 to 65535. @defaultValue 5235 */
  readonly port?: number;
  /** TLS settings: the CA of an emulator or a relay, a client certificate, the name to verify. @defaultValue Node's CAs, and the host */
  readonly tls?: TlsOptions;
  /**
   * URL of an HTTP proxy that makes the TCP connection (`CONNECT`), http: or https:, with user name and password where it wants them;
   * `false`: none, whatever the environment says. TLS and the login stay between this client and CCS.
   * @defaultValue as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say; none for a loopback host
   */
  readonly proxy?: string | false;
  /**
   * The whole SASL login name.
   * @defaultValue `<senderId>@gcm.googleapis.com`, whatever host is dialled
   * @see docs/protocol/ccs.md#login
   */
  readonly login?: string;
  /** `to` of the XMPP stream. @defaultValue `"gcm.googleapis.com"` */
  readonly domain?: string;
  /** The XMPP resource to ask for; CCS may bind another. @defaultValue the server's choice */
  readonly resource?: string;
  /**
   * Connections for this sender behind one API. CCS allows 1000 per sender.
   *
   * Range: 1 to 1000.
   * @defaultValue 1
   * @see docs/protocol/ccs.md#connections
   */
  readonly connections?: number;
  /**
   * Messages CCS may leave unanswered on one connection. While that many are pending, a message waits its turn.
   *
   * Range: 1 to 100.
   * @defaultValue 100
   * @see docs/protocol/ccs.md#flow-control
   */
  readonly maxPendingMessages?: number;
  /**
   * A message that is not answered for so long costs its connection our trust: a successor is opened, and the message is written
   * again there, under its ID. Unit: milliseconds. Range: above 0.
   * @defaultValue 60000
   */
  readonly ackTimeoutMs?: number;
  /**
   * How long a draining connection is kept for its answers and for upstream messages, should CCS not close it itself.
   * Unit: milliseconds. Range: above 0.
   * @defaultValue 60000
   */
  readonly drainTimeoutMs?: number;
  /**
   * How long `close()` waits for pending messages, running handlers and messages in the hands of loops: all of it, where a handler or
   * a loop awaits `close()` itself. Unit: milliseconds. Range: 0 or more.
   * @defaultValue 10000
   */
  readonly closeTimeoutMs?: number;
  /** How long the server may take to close the stream after we have. Unit: milliseconds. Range: 0 or more. @defaultValue 2000 */
  readonly streamCloseTimeoutMs?: number;
  /** Limit on TCP and TLS of one attempt. Unit: milliseconds. Range: above 0. @defaultValue 10000 */
  readonly connectTimeoutMs?: number;
  /** Limit on the way from TLS to being online: stream, login, binding. Unit: milliseconds. Range: above 0. @defaultValue 15000 */
  readonly loginTimeoutMs?: number;
  /** A space is written when nothing else was for so long. Unit: milliseconds. Range: above 0. @defaultValue 30000 */
  readonly keepAliveIntervalMs?: number;
  /** The server is asked for a sign of life (XEP-0199) after so long without one. Unit: milliseconds. Range: above 0. @defaultValue 60000 */
  readonly pingIntervalMs?: number;
  /** No sign of life so long after the ping ends the connection. Unit: milliseconds. Range: above 0. @defaultValue 20000 */
  readonly pingTimeoutMs?: number;
  /** @defaultValue `{ initialMs: 1000, maxMs: 60000 }` */
  readonly reconnect?: Partial<ReconnectPolicy>;
  /**
   * Connections opened per minute, all together, whatever happens.
   *
   * Range: 1 to 400.
   * @defaultValue 400
   * @see docs/protocol/ccs.md#connections
   */
  readonly maxConnectsPerMinute?: number;
  /** Longest stanza read, tags included; a longer one ends its connection. Unit: characters. Range: 8192 or more. @defaultValue 262144 */
  readonly maxStanzaChars?: number;
  /** Handles messages from apps; acknowledged when its promise has fulfilled. May also be given later, with `onUpstream`. */
  readonly onUpstream?: UpstreamHandler;
  /**
   * Handles delivery receipts; acknowledged likewise, or earlier while more than 25 of a connection are in hand. A receipt that comes
   * while there is no handler is acknowledged without, so give it here, or with `onReceipt` before the connection is up.
   */
  readonly onReceipt?: ReceiptHandler;
  /** Told of a message whose handler has failed `maxDeliveryAttempts` times, before it is acknowledged for good. */
  readonly onDeadLetter?: DeadLetterHandler;
  /** Upstream messages handled at once, and receipts likewise. Those of one device are handled one after the other. Range: 1 or more. @defaultValue 16 */
  readonly handlerConcurrency?: number;
  /** How often a message may fail before it is given up. Range: 1 or more. @defaultValue 5 */
  readonly maxDeliveryAttempts?: number;
  /** Upstream messages held for the handler, and receipts likewise; what is more is left for CCS to deliver again. Range: 1 or more. @defaultValue 1000 */
  readonly maxQueuedDeliveries?: number;
  /** Remembers what was handled, so that a redelivery is not handled twice. @defaultValue the last 10000, in memory */
  readonly handledMessages?: HandledMessages;
  /** How long `send(…, { receipt: true })` waits for a receipt, counted from the answer. Unit: milliseconds. Range: above 0. @defaultValue 60000 */
  readonly receiptTimeoutMs?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue `Math.random` */
  readonly random?: Random;
}

/** The options with every default applied. */
export interface ResolvedCcsOptions
  extends Required<Omit<CcsTransportOptions, "tls" | "proxy" | "resource" | "reconnect" | OptionalHandlers>>,
    Pick<CcsTransportOptions, OptionalHandlers> {
  readonly tls: TlsOptions | undefined;
  /** URL of the proxy to go through. */
  readonly proxy: string | undefined;
  readonly resource: string | undefined;
  readonly reconnect: ReconnectPolicy;
  /** To be applied to whatever the server says before it is told to anybody. */
  readonly withoutSecrets: (text: string) => string;
}

type OptionalHandlers = "onUpstream" | "onReceipt" | "onDeadLetter";

/**
 * How CCS wants to be retried after a nack: exponential, from 1 s, each message with a random extra of its own; over its rate, later.
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
  // what was given may be a secret in the wrong place: only its type is told
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
  // what the library's base64 can write; CCS knows digits and host names only
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

/**
 * Checks the options and applies the defaults, once.
 *
 * @throws {InvalidOptionsError} naming each wrong option, what is wrong with it and what to write instead.
 */
export function resolveCcsOptions(options: CcsTransportOptions): ResolvedCcsOptions {
  const read = readOptions(OptionsSchema, options, "an option of the CCS client", SENDER_OPTION_NAMES);
  const { onUpstream, onReceipt, onDeadLetter, reconnect, ...rest } = read;
  if (reconnect.maxMs < reconnect.initialMs) {
    throw new InvalidOptionsError([{ path: "reconnect.maxMs", problem: "must be initialMs or more" }]);
  }
  const login = rest.login ?? `${rest.senderId}@gcm.googleapis.com`;
  const proxy = rest.proxy === undefined ? proxyOfEnvironment(rest.host, rest.port) : rest.proxy || undefined;
  return {
    ...rest,
    reconnect,
    tls: rest.tls,
    resource: rest.resource,
    proxy,
    login,
    withoutSecrets: createSecretsFilter(login, rest.apiKey, proxy),
    handledMessages: rest.handledMessages ?? createHandledMessages(),
    ...(onUpstream === undefined ? {} : { onUpstream }),
    ...(onReceipt === undefined ? {} : { onReceipt }),
    ...(onDeadLetter === undefined ? {} : { onDeadLetter }),
  };
}

/** @throws {InvalidOptionsError} the environment names a proxy that cannot be used. */
function proxyOfEnvironment(host: string, port: number): string | undefined {
  const { https, bypass } = environmentProxies(process.env);
  return https === undefined || bypass(isIPv6(host) ? `[${host}]` : host, port) ? undefined : https;
}
