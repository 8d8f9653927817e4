import { BlockList, isIP } from "node:net";
import { createSecureContext } from "node:tls";
import { type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { ClockSchema, describeError, type OutboxEngine, readOptions, z } from "@cloud-messaging/core/transport";
import type { FcmSenderOptions } from "@cloud-messaging/http-sender";
import { isKeyHash } from "./keys.ts";

/** A client of the gateway: one app server, or several that share a key. */
export interface GatewayClient {
  /** Name of the client in logs, metrics and events. 1 to 64 of the characters a-z A-Z 0-9 - _ . */
  readonly name: string;
  /** Hashes of its API keys, as `hashKey` makes them. Several while a key is being changed. */
  readonly keys: readonly string[];
  /** Project that its messages go to: a name of `projects`. */
  readonly project: string;
  /**
   * Sender ID: it logs in to CCS with it, and its device groups belong to it. Where there is CCS, not with both `addresses` and `trustProxy`: the
   * address of a CCS client behind a proxy is known by the PROXY protocol alone. @defaultValue none: no CCS and no device groups
   */
  readonly senderId?: string;
  /** Messages in a minute; what is above is answered `Unavailable` with `Retry-After`. @defaultValue no limit */
  readonly perMinute?: number;
  /** IP addresses and CIDR ranges that it may come from. @defaultValue any */
  readonly addresses?: readonly string[];
}

/** Certificate and private key, PEM. */
export interface GatewayTls {
  readonly cert: string;
  readonly key: string;
}

/** Options of `createGateway`. */
export interface GatewayOptions {
  /** Options of the FCM sender of each project, by a name of one's own. `timeoutMs` is the gateway's `answerTimeoutMs`. */
  readonly projects: Readonly<Record<string, Omit<FcmSenderOptions, "timeoutMs" | "clock">>>;
  readonly clients: readonly GatewayClient[];
  /** Address to listen on. @defaultValue "127.0.0.1" */
  readonly host?: string;
  /** GCM HTTP. Without `tls` plain HTTP, for a proxy that ends TLS. @defaultValue port 8080, plain HTTP */
  readonly http?: { readonly port?: number; readonly tls?: GatewayTls; readonly proxyProtocol?: boolean } | false;
  /**
   * CCS, always over TLS. `proxyProtocol`, of `http` too: true behind a proxy that begins each connection with a header of the PROXY protocol, version 1
   * or 2, before TLS. Nobody else may be able to reach the port. @defaultValue none
   */
  readonly ccs?: { readonly port?: number; readonly tls: GatewayTls; readonly proxyProtocol?: boolean };
  /** Health and metrics, on a port of their own. @defaultValue none */
  readonly operations?: { readonly host?: string; readonly port: number };
  /**
   * Time limit of an answer: what has not been written to FCM by then is `Unavailable` for its recipient, what has no answer is as `inDoubt`
   * says, and neither is sent later. Shorter than the time limit of the clients. Unit: milliseconds.
   * @defaultValue 25000
   */
  readonly answerTimeoutMs?: number;
  /**
   * Answer for a message that FCM may have accepted. `internal-error`: `InternalServerError`, which clients send again. `accepted`: a message ID.
   * @defaultValue "internal-error"
   */
  readonly inDoubt?: "internal-error" | "accepted";
  /**
   * Durable acks: an answer means that the message is on disk, and it is sent later. `engine` opens the storage of a project, once for each:
   * `createEmbeddedEngine` of `@cloud-messaging/outbox`, for one. The gateway closes it. `answerTimeoutMs` and `inDoubt` do not apply.
   * @defaultValue none: an answer waits for that of FCM
   */
  readonly outbox?: { readonly engine: (project: string) => OutboxEngine | Promise<OutboxEngine> };
  /**
   * Time for which the `message_id` of an accepted CCS message is remembered: a repeat gets the same answer. With an outbox at least that, and
   * at most twice as long. Unit: milliseconds. @defaultValue 600000
   */
  readonly repeatWindowMs?: number;
  /** Failed logins of one address in a minute; further logins are refused unread until a minute has passed. @defaultValue 20 */
  readonly failedLoginsPerMinute?: number;
  /** True behind an HTTP proxy that sets `X-Forwarded-For`. @defaultValue `false` */
  readonly trustProxy?: boolean;
  /** Time limit of `close()` for messages under way. Unit: milliseconds. @defaultValue 30000 */
  readonly closeTimeoutMs?: number;
  /** Called with each event, synchronously. What it throws is published as a notice, and disturbs no message. */
  readonly onEvent?: (event: GatewayEvent) => void;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** Options that a reload can change. */
export interface GatewayChanges {
  readonly clients?: readonly GatewayClient[];
  /** Not if HTTP has been started without TLS, or is off. */
  readonly httpTls?: GatewayTls;
  /** Not if CCS is off. */
  readonly ccsTls?: GatewayTls;
}

/** An event of a gateway: for logs and metrics. Has neither keys nor tokens. */
export type GatewayEvent =
  | {
      readonly type: "answered";
      readonly client: string;
      readonly project: string;
      readonly protocol: "gcm-http" | "ccs";
      /** `accepted`, or the code of the refusal. */
      readonly result: string;
      /** ID of an accepted message: FCM's, or `0:` and that of the outbox. */
      readonly messageId?: string;
      /** Reason of a refusal, in words. */
      readonly detail?: string;
      /** Unit: milliseconds. */
      readonly tookMs: number;
    }
  | {
      /** A call about device groups or topics has been answered. */
      readonly type: "management";
      readonly client: string;
      readonly project: string;
      readonly service: "device-groups" | "instance-id";
      /** HTTP status of the answer. */
      readonly status: number;
      /** Unit: milliseconds. */
      readonly tookMs: number;
    }
  | {
      readonly type: "login-refused";
      readonly protocol: "gcm-http" | "ccs";
      readonly reason: "unknown-key" | "wrong-sender" | "address" | "too-many-failures";
      readonly address?: string;
      /** Client, if the key was one of its. */
      readonly client?: string;
    }
  | {
      readonly type: "ccs-connection";
      readonly phase: "online" | "draining" | "closed";
      readonly senderId: string;
      readonly reason?: string;
    }
  | {
      /** A connection was closed: its header of the PROXY protocol is malformed, or has not come in time. */
      readonly type: "connection-refused";
      readonly protocol: "gcm-http" | "ccs";
      readonly reason: string;
      readonly address?: string;
    }
  | { readonly type: "failure"; readonly error: unknown }
  | { readonly type: "notice"; readonly project: string; readonly field: string; readonly detail: string };

const port = z.int("must be a port, 0 to 65535").min(0).max(65_535);
const proxyProtocol = z.boolean().default(false);
const text = z.string().min(1, "must not be empty");
const positive = z.number().positive("must be above 0");
const duration = positive.max(2 ** 31 - 1, "must be below 2^31 milliseconds, about 24 days");
const tls = z.strictObject({ cert: text, key: text }).superRefine((pair, context) => {
  try {
    createSecureContext(pair);
  } catch (error) {
    context.addIssue({
      code: "custom",
      message: `must be a certificate and its private key, PEM: ${describeError(error)}`,
    });
  }
});
const name = z.string().regex(/^[a-zA-Z0-9_.-]{1,64}$/, "must have 1 to 64 of the characters a-z A-Z 0-9 - _ .");

/** Options of a sender that are the gateway's own, and the option in their place. */
const OWN_OPTIONS = { timeoutMs: "answerTimeoutMs", clock: "clock" } as const;

/** Checks the names of projects, and that their options leave the gateway's own to it. The sender checks the others. */
function checkProjects(projects: Readonly<Record<string, object>>, context: z.core.$RefinementCtx): void {
  const report = (path: string[], message: string): void => context.addIssue({ code: "custom", path, message });
  for (const [project, options] of Object.entries(projects)) {
    const problem = name.safeParse(project).error?.issues[0]?.message;
    if (problem !== undefined) report([project], `the name of a project ${problem}`);
    for (const [own, instead] of Object.entries(OWN_OPTIONS))
      if (own in options) report([project, own], `is not an option of a project: give ${instead} of the gateway`);
  }
}

const ClientSchema = z.strictObject({
  name,
  keys: z
    .array(z.string().refine(isKeyHash, "must be a hash that `key add` has written: sha256: and 64 digits"))
    .min(1, "must have a key"),
  project: text,
  senderId: z
    .string()
    .regex(/^\d{1,20}$/, "must be a sender ID: 1 to 20 digits")
    .optional(),
  perMinute: positive.optional(),
  addresses: z
    .array(z.string().refine(isAddressRange, "must be an IP address or a range such as 10.0.0.0/8"))
    .optional(),
});

const OptionsSchema = z
  .strictObject({
    projects: z.record(z.string(), z.record(z.string(), z.unknown())).superRefine(checkProjects),
    clients: z.array(ClientSchema),
    host: text.default("127.0.0.1"),
    http: z
      .union([z.literal(false), z.strictObject({ port: port.default(8080), tls: tls.optional(), proxyProtocol })])
      .default({ port: 8080, proxyProtocol: false }),
    ccs: z.strictObject({ port: port.default(5235), tls, proxyProtocol }).optional(),
    operations: z.strictObject({ host: text.default("127.0.0.1"), port }).optional(),
    answerTimeoutMs: duration.default(25_000),
    inDoubt: z.enum(["internal-error", "accepted"]).default("internal-error"),
    outbox: z
      .strictObject({
        engine: z.custom<NonNullable<GatewayOptions["outbox"]>["engine"]>(
          (value) => typeof value === "function",
          "must be a function that opens the storage of a project",
        ),
      })
      .optional(),
    repeatWindowMs: duration.default(600_000),
    failedLoginsPerMinute: z.int().min(1).default(20),
    trustProxy: z.boolean().default(false),
    closeTimeoutMs: duration.default(30_000),
    onEvent: z
      .custom<(event: GatewayEvent) => void>((value) => typeof value === "function", "must be a function")
      .optional(),
    clock: ClockSchema.optional(),
  })
  .superRefine(({ clients, projects, ccs, trustProxy }, context) => {
    const report = (path: PropertyKey[], message: string): void => context.addIssue({ code: "custom", path, message });
    const names = new Set<string>();
    const keys = new Set<string>();
    for (const [i, client] of clients.entries()) {
      if (!Object.hasOwn(projects, client.project)) {
        report(["clients", i, "project"], `must be one of the projects: ${Object.keys(projects).join(", ")}`);
      }
      if (names.has(client.name)) report(["clients", i, "name"], "is the name of another client");
      names.add(client.name);
      const isUnknownToCcs = trustProxy && ccs !== undefined && !ccs.proxyProtocol;
      if (isUnknownToCcs && client.senderId !== undefined && client.addresses !== undefined) {
        const problem =
          "cannot be checked for CCS behind a proxy: set ccs.proxyProtocol, or leave out senderId, addresses or trustProxy";
        report(["clients", i, "addresses"], problem);
      }
      for (const [k, key] of client.keys.entries()) {
        if (keys.has(key)) report(["clients", i, "keys", k], "is the key of another client");
        keys.add(key);
      }
    }
  });

/** Options with their defaults. */
export type ResolvedGatewayOptions = z.output<typeof OptionsSchema>;

const ChangesSchema = z.strictObject({
  clients: z.unknown().optional(),
  httpTls: z.unknown().optional(),
  ccsTls: z.unknown().optional(),
});

/**
 * Checks the changes of a reload, together with the options that stay.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function resolveGatewayChanges(options: GatewayOptions, changes: GatewayChanges): ResolvedGatewayOptions {
  readOptions(ChangesSchema, changes, "an option of reload");
  const { clients, httpTls, ccsTls } = changes;
  const { http, ccs } = options;
  const restart = (path: string, protocol: string): never => {
    throw new InvalidOptionsError([
      { path, problem: `is for ${protocol} over TLS, which is off: that needs a restart` },
    ]);
  };
  if (httpTls !== undefined && (http === undefined || http === false || http.tls === undefined))
    restart("httpTls", "HTTP");
  if (ccsTls !== undefined && ccs === undefined) restart("ccsTls", "CCS");
  return resolveGatewayOptions({
    ...options,
    ...(clients === undefined ? {} : { clients }),
    ...(httpTls === undefined ? {} : { http: { ...(http as object), tls: httpTls } }),
    ...(ccsTls === undefined ? {} : { ccs: { ...ccs, tls: ccsTls } }),
  });
}

/** @throws {InvalidOptionsError} naming every wrong option. */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  return readOptions(OptionsSchema, options, "an option of the gateway");
}

function isAddressRange(value: string): boolean {
  try {
    addressRanges([value]);
    return true;
  } catch {
    return false;
  }
}

/** Makes the list that an address is checked against. @throws one of them is neither an address nor a range. */
export function addressRanges(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) {
    const [net = "", prefix, ...rest] = address.split("/");
    const family = isIP(net) === 6 ? "ipv6" : "ipv4";
    if (isIP(net) === 0 || rest.length > 0) throw new RangeError(`${address} is no address`);
    if (prefix === undefined) list.addAddress(net, family);
    else if (/^\d{1,3}$/.test(prefix)) list.addSubnet(net, Number(prefix), family);
    else throw new RangeError(`${address} is no range`);
  }
  return list;
}
