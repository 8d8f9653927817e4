import {
  type CcsServer,
  createHttpApp,
  gcmHttpRoutes,
  type HttpServer,
  type ProxyProtocolOptions,
  startCcsServer,
} from "@cloud-messaging/connection-server";
import { ClosedError } from "@cloud-messaging/core";
import { callListener, defined, type Outbox, portError, systemClock, wait } from "@cloud-messaging/core/transport";
import type { FcmSender } from "@cloud-messaging/http-sender";
import { addressRanges, isIn, readAddress } from "./addresses.ts";
import type { GatewayEvent } from "./event.ts";
import { Logins } from "./logins.ts";
import { ManagementClients } from "./management/clients.ts";
import { managementRoutes } from "./management/routes.ts";
import { createOperations } from "./operations.ts";
import type { GatewayChanges, GatewayClient, GatewayOptions, GatewayProxyProtocol } from "./options.ts";
import { closeOutboxes, openOutboxes } from "./outbox/outboxes.ts";
import { createReadiness } from "./readiness.ts";
import { resolveGatewayChanges, resolveGatewayOptions } from "./resolve-options.ts";
import { closeSenders, createSenders } from "./senders.ts";
import { GatewayService } from "./service.ts";

/** Time beyond `answerTimeoutMs` after which the sender has failed to keep its own limit. Unit: milliseconds. */
const DECISION_GRACE_MS = 5000;

/** A gateway that listens. */
export interface Gateway extends AsyncDisposable {
  /** Port of GCM HTTP; `undefined` if it is off. */
  readonly httpPort: number | undefined;
  /** Port of CCS; `undefined` if it is off. */
  readonly ccsPort: number | undefined;
  /** Port of health and metrics; `undefined` if they are off. */
  readonly operationsPort: number | undefined;
  /** Number of messages without an answer. */
  readonly underWay: number;
  /** Number of CCS connections that are logged in. */
  readonly ccsConnections: number;
  /**
   * Takes other clients and certificates, without an interruption: requests under way keep the old ones, and CCS connections are drained, so that
   * app servers connect anew. Every new option is checked before any is used.
   *
   * @throws {InvalidOptionsError} naming every wrong option; nothing has changed.
   * @throws {ClosedError} the gateway has been closed.
   */
  reload(changes: GatewayChanges): Promise<void>;
  /** Senders by project, for health checks. */
  readonly projects: ReadonlyMap<string, FcmSender>;
  /** Outboxes by project, for their results and their progress; empty without the option `outbox`. Do not close them. */
  readonly outboxes: ReadonlyMap<string, Outbox>;
  /**
   * Accepts nothing new, drains CCS, answers what is under way (at most `closeTimeoutMs`), and closes the senders. Every call returns the same
   * promise.
   */
  close(): Promise<void>;
}

/**
 * Starts a gateway: GCM HTTP and CCS for app servers that cannot be changed, FCM HTTP v1 behind it.
 *
 * @example
 * ```ts
 * import { createGateway, hashKey } from "@cloud-messaging/gateway";
 *
 * export const start = (key: string) =>
 *   createGateway({
 *     projects: { shop: { credential: "service-account.json" } },
 *     clients: [{ name: "web-shop", keys: [hashKey(key)], project: "shop" }],
 *     http: { port: 8080 },
 *   });
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 * @throws {ConnectionError} a port is not available; the message names it and the option.
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const resolved = resolveGatewayOptions(options);
  const { host, http, ccs, answerTimeoutMs, handshakeTimeoutMs, closeTimeoutMs, clock = systemClock } = resolved;
  let closing: Promise<void> | undefined;
  // nobody could read what would be counted without them
  const operations =
    resolved.operations &&
    createOperations(resolved.operations, {
      underWay: () => service.underWay,
      ccsConnections: () => ccsServer?.connections.length ?? 0,
      outboxes: () => outboxes,
      notReady: async () => (closing === undefined ? readiness?.() : "closing"),
    });
  const onEvent = (event: GatewayEvent): void => {
    operations?.observe(event);
    callListener("gateway", "event-listener-failed", resolved.onEvent, event);
  };
  const senders = createSenders({ projects: options.projects, timeoutMs: answerTimeoutMs, clock, onEvent });
  const readiness =
    resolved.operations && createReadiness({ senders, outboxes: () => outboxes, clock }, resolved.operations);
  const logins = new Logins(resolved.clients as GatewayClient[], resolved.failedLoginsPerMinute, clock, onEvent);
  const service = new GatewayService({
    ...resolved,
    logins,
    senderOf: (project) => senders.get(project),
    outboxOf: (project) => outboxes.get(project),
    onEvent,
    clock,
  });
  const serving = {
    service,
    clock,
    decisionTimeoutMs: answerTimeoutMs + DECISION_GRACE_MS,
    onServiceFailure: (error: unknown) => onEvent({ type: "failure", error }),
    lenientNumbers: true,
  };
  const management = new ManagementClients(options.projects);
  const managing = managementRoutes({ logins, clients: management, answerTimeoutMs, onEvent, clock });
  const app = createHttpApp([...gcmHttpRoutes(serving), ...managing], {
    handshakeTimeoutMs,
    trustProxy: resolved.trustProxy,
    onError: (error) => onEvent({ type: "failure", error }),
  });
  const proxied = (protocol: "gcm-http" | "ccs", proxies: GatewayProxyProtocol): ProxyProtocolOptions | undefined => {
    if (proxies === false) return undefined;
    const list = proxies === true ? undefined : addressRanges(proxies);
    return {
      isProxy: (address) => list === undefined || isIn(list, readAddress(address)),
      onRefused: ({ problem: reason, remoteAddress: address }) =>
        onEvent({ type: "connection-refused", protocol, reason, ...defined({ address }) }),
    };
  };
  let httpServer: HttpServer | undefined;
  let ccsServer: CcsServer | undefined;
  let operationsServer: HttpServer | undefined;
  let outboxes: ReadonlyMap<string, Outbox> = new Map();
  try {
    if (resolved.outbox !== undefined) {
      const onFailure = (error: unknown): void => onEvent({ type: "failure", error });
      outboxes = await openOutboxes({
        ...resolved.outbox,
        projects: options.projects,
        closeTimeoutMs,
        clock,
        onFailure,
      });
    }
    if (operations !== undefined && resolved.operations !== undefined) {
      operationsServer = await listening("operations", resolved.operations, () => operations.listen());
    }
    if (http !== false) {
      const { port, tls, proxyProtocol } = http;
      const tlsOption = tls === undefined ? {} : { tls };
      httpServer = await listening("http", { host, port }, () =>
        app.listen({ host, port, ...tlsOption, proxyProtocol: proxied("gcm-http", proxyProtocol) }),
      );
    }
    if (ccs !== undefined) {
      ccsServer = await listening("ccs", { host, port: ccs.port }, () =>
        startCcsServer({
          ...serving,
          host,
          port: ccs.port,
          tls: ccs.tls ?? false,
          proxyProtocol: proxied("ccs", ccs.proxyProtocol),
          handshakeTimeoutMs,
          loginTimeoutMs: handshakeTimeoutMs,
          drainTimeoutMs: closeTimeoutMs,
          onEvent: (event) => {
            if (event.type !== "online" && event.type !== "draining" && event.type !== "closed") return;
            const { senderId } = event.connection;
            const reason = event.type === "closed" ? { reason: event.reason } : {};
            if (senderId !== "") onEvent({ type: "ccs-connection", phase: event.type, senderId, ...reason });
          },
        }),
      );
    }
  } catch (error) {
    await Promise.all([operationsServer?.close(), httpServer?.close()]);
    await Promise.all([closeSenders(senders), closeOutboxes(outboxes)]);
    throw error;
  }

  const close = async (): Promise<void> => {
    const limit = new AbortController();
    ccsServer?.stopAccepting();
    const settled = Promise.all([httpServer?.drain(), ccsServer?.drain()]);
    await Promise.race([settled, wait(clock, closeTimeoutMs, limit.signal)]);
    limit.abort();
    await Promise.all([httpServer?.close(), ccsServer?.close()]);
    await Promise.all([closeSenders(senders), management.close(), closeOutboxes(outboxes)]);
    await operationsServer?.close();
  };
  const end = (): Promise<void> => {
    closing ??= close();
    return closing;
  };
  return {
    httpPort: httpServer?.port,
    ccsPort: ccsServer?.port,
    operationsPort: operationsServer?.port,
    projects: senders,
    outboxes,
    get underWay() {
      return service.underWay;
    },
    get ccsConnections() {
      return ccsServer?.connections.length ?? 0;
    },
    async reload(changes) {
      if (closing !== undefined) throw new ClosedError("The gateway");
      const changed = resolveGatewayChanges({ ...options, clients: logins.clients }, changes);
      const { httpTls, ccsTls } = changes;
      if (ccsTls !== undefined) ccsServer?.setTls(ccsTls);
      if (httpTls !== undefined) httpServer?.setTls(httpTls);
      logins.replace(changed.clients as GatewayClient[]);
      await ccsServer?.drain();
    },
    close: end,
    [Symbol.asyncDispose]: end,
  };
}

/** Starts a server. @throws {ConnectionError} its port is not available; the message names the option. */
async function listening<T>(
  name: "http" | "ccs" | "operations",
  { host, port }: { readonly host: string; readonly port: number },
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const what = name === "ccs" ? "CCS" : "HTTP";
    throw portError(error, { who: "The gateway", what, host, port, option: `${name}.port` });
  }
}
