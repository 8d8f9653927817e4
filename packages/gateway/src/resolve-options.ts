import { createSecureContext } from "node:tls";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { ClockSchema, describeError, isLoopback, readOptions, z } from "@cloud-messaging/core/transport";
import { isAddressRange, readAddress } from "./addresses.ts";
import type { GatewayEvent } from "./event.ts";
import { isKeyHash } from "./keys.ts";
import type { GatewayChanges, GatewayOptions } from "./options.ts";

const port = z.int("must be a port, 0 to 65535").min(0).max(65_535);
const addresses = z.array(z.string().refine(isAddressRange, "must be an IP address or a range such as 10.0.0.0/8"));
const proxyProtocol = z.union([z.boolean(), addresses.min(1, "must name a proxy")]).default(false);
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
  addresses: addresses.optional(),
});

const OptionsSchema = z
  .strictObject({
    projects: z.record(z.string(), z.record(z.string(), z.unknown())).superRefine(checkProjects),
    clients: z.array(ClientSchema),
    host: text.default("127.0.0.1"),
    http: z
      .union([z.literal(false), z.strictObject({ port: port.default(8080), tls: tls.optional(), proxyProtocol })])
      .default({ port: 8080, proxyProtocol: false }),
    ccs: z.strictObject({ port: port.default(5235), tls: tls.optional(), proxyProtocol }).optional(),
    operations: z
      .strictObject({
        host: text.default("127.0.0.1"),
        port,
        maxBacklog: z.int().min(1, "must be 1 or more").default(100_000),
        maxQuotaWaitMs: duration.default(10_000),
      })
      .optional(),
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
    handshakeTimeoutMs: z.int().min(1, "must be 1 or more").max(600_000, "must be at most ten minutes").default(10_000),
    closeTimeoutMs: duration.default(30_000),
    onEvent: z
      .custom<(event: GatewayEvent) => void>((value) => typeof value === "function", "must be a function")
      .optional(),
    clock: ClockSchema.optional(),
  })
  .superRefine(({ clients, projects, host, ccs, trustProxy }, context) => {
    const report = (path: PropertyKey[], message: string): void => context.addIssue({ code: "custom", path, message });
    const isLocal = isLoopback(readAddress(host) ?? host);
    if (ccs !== undefined && ccs.tls === undefined && !isLocal && !Array.isArray(ccs.proxyProtocol)) {
      report(["ccs", "tls"], "must be given, unless host is a loopback address or ccs.proxyProtocol lists the proxies");
    }
    // behind a proxy all clients have its address, unless a header names theirs
    const hidesClients = ccs !== undefined && ccs.proxyProtocol === false && (trustProxy || ccs.tls === undefined);
    const names = new Set<string>();
    const keys = new Set<string>();
    for (const [i, client] of clients.entries()) {
      if (!Object.hasOwn(projects, client.project)) {
        report(["clients", i, "project"], `must be one of the projects: ${Object.keys(projects).join(", ")}`);
      }
      if (names.has(client.name)) report(["clients", i, "name"], "is the name of another client");
      names.add(client.name);
      if (hidesClients && client.senderId !== undefined && client.addresses !== undefined) {
        const problem =
          "cannot be checked for CCS behind a proxy: set ccs.proxyProtocol, or leave out senderId or addresses";
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
  if (ccsTls !== undefined && ccs?.tls === undefined) restart("ccsTls", "CCS");
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
