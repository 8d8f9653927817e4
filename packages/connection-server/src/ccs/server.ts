import { createServer as createPlainServer, type Socket } from "node:net";
import { createServer } from "node:tls";
import { ProxiedAddresses } from "../http/proxied-addresses.ts";
import { SocketGuard } from "../http/socket-guard.ts";
import { ServerConnection } from "./connection.ts";
import { createContext } from "./context.ts";
import type { CcsConnection, CcsServerOptions, DrainOptions } from "./options.ts";

/** A CCS server that listens. */
export interface CcsServer {
  readonly port: number;
  /** Connections that are logged in and bound, the oldest first. */
  readonly connections: readonly CcsConnection[];
  /** Drains every connection there is, and ends those that are not logged in and bound. Resolves when the last of them has ended. */
  drain(options?: DrainOptions): Promise<void>;
  /** Accepts no further connections; those there are go on. */
  stopAccepting(): void;
  /** Uses another certificate and key, PEM, for connections that come from now on; without TLS nothing changes. @throws the system's error if they do not fit. */
  setTls(tls: { readonly cert: string; readonly key: string }): void;
  /** Ends every connection at once. Every call returns the same promise. */
  close(): Promise<void>;
}

/**
 * Starts a CCS server over a service: XMPP over TLS or without it, login, downstream messages with their acks and nacks, upstream messages and receipts.
 *
 * @example
 * ```ts
 * import { startCcsServer } from "@cloud-messaging/connection-server";
 *
 * export const serve = (tls: { cert: string; key: string }) =>
 *   startCcsServer({
 *     host: "127.0.0.1",
 *     port: 5235,
 *     tls,
 *     service: {
 *       authenticate: ({ secret }) =>
 *         secret === process.env["KEY"] ? { kind: "sender" } : { kind: "refused", code: "authentication-failed" },
 *       submit: async ({ messageId }) => ({ kind: "accepted", messageId: messageId ?? "" }),
 *     },
 *   });
 * ```
 *
 * @throws {InvalidOptionsError} an option is invalid, or the service lacks a method.
 * @throws the system's error when the port cannot be had.
 */
export async function startCcsServer(options: CcsServerOptions): Promise<CcsServer> {
  const context = createContext(options);
  const { host, tls, handshakeTimeoutMs = 10_000, keepAliveMs = 60_000, proxyProtocol } = options;
  const { hooks, clock, emit } = context;
  const guard = new SocketGuard();
  const all = new Set<ServerConnection>();
  const online = new Set<ServerConnection>();
  const ends = new Set<() => void>();
  let closed = false;
  let count = 0;

  const owner = {
    online(connection: ServerConnection): void {
      online.add(connection);
      emit({ type: "online", connection });
    },
    closed(connection: ServerConnection): void {
      online.delete(connection);
      all.delete(connection);
      for (const check of [...ends]) check();
    },
  };
  /** Resolves when these connections have ended. */
  const ended = (connections: readonly ServerConnection[]): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (connections.some((connection) => all.has(connection))) return;
        ends.delete(check);
        resolve();
      };
      ends.add(check);
      check();
    });

  const accept = (socket: Socket): void => {
    if (closed) return void socket.destroy();
    // without TLS, its first bytes are all that tells it from one that never gets anywhere
    if (tls === false) socket.once("data", () => guard.proven(socket));
    else guard.proven(socket);
    if (hooks.connection?.(socket, "tls") === true) return void socket.on("error", () => {});
    all.add(new ServerConnection(++count, socket, addresses.of(socket), context, owner));
  };
  const server =
    tls === false ? createPlainServer(accept) : createServer({ ...tls, handshakeTimeout: handshakeTimeoutMs }, accept);
  const addresses = new ProxiedAddresses();
  if (proxyProtocol !== undefined) addresses.expect(server, handshakeTimeoutMs, proxyProtocol);
  server.prependListener("connection", (socket) => void hooks.connection?.(socket, "tcp"));
  guard.watch(server);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port: options.port, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    });
  });
  const address = server.address();

  let cancelKeepAlive = (): void => {};
  const keepAlive = (): void => {
    for (const connection of online) connection.keepAlive();
    cancelKeepAlive = clock.schedule(keepAliveMs, keepAlive);
  };
  if (Number.isFinite(keepAliveMs)) cancelKeepAlive = clock.schedule(keepAliveMs, keepAlive);

  let stopped: Promise<void> | undefined;
  const stopAccepting = (): Promise<void> => {
    stopped ??= new Promise((resolve) => server.close(() => resolve()));
    return stopped;
  };
  let closing: Promise<void> | undefined;
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    get connections() {
      return [...online];
    },
    drain(how) {
      const left = [...all];
      for (const connection of left) {
        if (online.has(connection)) connection.drain(how);
        // nothing has been sent over it, and its login may not be good any more
        else connection.cut({ reason: "drained before the login was complete", flush: true });
      }
      return ended(left);
    },
    stopAccepting() {
      void stopAccepting();
    },
    setTls(fresh) {
      if ("setSecureContext" in server) server.setSecureContext(fresh);
    },
    close() {
      closing ??= (async () => {
        closed = true;
        cancelKeepAlive();
        const left = [...all];
        for (const connection of left) connection.cut({ reason: "the server was closed" });
        guard.closeAll();
        await stopAccepting();
        await ended(left);
      })();
      return closing;
    },
  };
}
