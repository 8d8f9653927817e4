import { createServer, type TLSSocket } from "node:tls";
import type { Refusal } from "@cloud-messaging/connection-server";
import { SocketGuard } from "@cloud-messaging/connection-server";
import { AbortedError, ClosedError, type ErrorCode, InvalidOptionsError } from "@cloud-messaging/core";
import { ERROR_CODES } from "@cloud-messaging/core/transport";
import { CcsConnection, type CcsPhase } from "./ccs-connection.ts";
import { createConnectionLimits } from "./ccs-connection-limits.ts";
import type { CcsContext } from "./ccs-context.ts";

/** `message_id`s remembered, to tell a repeated one, and their text together (in characters). Ours. */
const MAX_REMEMBERED = 100_000;
const MAX_REMEMBERED_TEXT = 8 * 1_048_576;

/** One connection of an app server. */
export interface EmulatedConnection {
  /** Counts up from 1 in the order in which they connected. */
  readonly id: number;
  /** Where it stands now. */
  readonly phase: CcsPhase;
  /** Who logged in. */
  readonly senderId: string;
  /** The bound address; empty before that. */
  readonly jid: string;
  /** Downstream messages without an answer. */
  readonly pending: number;
  /** Upstream messages and receipts that it has not acked. */
  readonly unackedUpstream: number;
  /** Sends CONNECTION_DRAINING; the connection ends when it is done. */
  drain(options?: DrainOptions): void;
  /** Ends it without a word, as a broken network does. */
  cut(): void;
  /** Accepts a held message (`autoAck: false`). `false`: no such message is held here. */
  ack(messageId: string): boolean;
  /** Accepts every held message, the oldest first. Returns how many. */
  ackAll(): number;
  /** Refuses a held message with a name of the error-code table or a wire word. */
  nack(messageId: string, error: ErrorCode | (string & {}), detail?: string): boolean;
}

/** How to drain. */
export interface DrainOptions {
  /**
   * Whether messages that come from now on are nacked with `CONNECTION_DRAINING`. Otherwise those that were in the pipeline, a window's
   * worth, are processed. Default `false`.
   */
  readonly nack?: boolean;
}

/** The CCS side of the emulator. */
export interface EmulatedCcs {
  /** The address listened on. */
  readonly host: string;
  /** 0 when the emulator was started without CCS. */
  readonly port: number;
  /** Connections that are logged in and bound, the oldest first. */
  readonly connections: readonly EmulatedConnection[];
  /** Whether messages are answered by themselves. Set it to `false` and `ack()`, `nack()` decide; what is held stays held. */
  autoAck: boolean;
  /** Drains every connection. */
  drainAll(options?: DrainOptions): void;
  /** Cuts every connection. */
  cutAll(): void;
  /** Accepts a held message on whichever connection it is. */
  ack(messageId: string): boolean;
  /** Accepts every held message. Returns how many. */
  ackAll(): number;
  /** Refuses a held message on whichever connection it is. */
  nack(messageId: string, error: ErrorCode | (string & {}), detail?: string): boolean;
  /**
   * Resolves as soon as so many connections are online.
   *
   * @throws {AbortedError} when the signal aborts. @throws {ClosedError} when the emulator closes.
   */
  waitForConnections(
    count: number,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly EmulatedConnection[]>;
}

/** How to listen. */
export interface CcsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly handshakeTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly maxConnectionsPerSender: number;
  readonly newConnectionsPerMinute: number;
}

/** The emulator's own side of the CCS server. */
export interface CcsServer extends EmulatedCcs {
  close(): Promise<void>;
}

/** Starts the XMPP server; rejects with the system's error when the port cannot be had. */
export async function startCcsServer(
  options: CcsServerOptions,
  shared: Omit<CcsContext, "onOnline" | "onClosed" | "seenBefore" | "refuseConnection">,
): Promise<CcsServer> {
  const guard = new SocketGuard();
  const online = new Map<CcsConnection, EmulatedConnection>();
  const all = new Set<CcsConnection>();
  const waiters = new Set<() => void>();
  const remembered = new Set<string>();
  let rememberedText = 0;
  const limits = createConnectionLimits(options, shared);
  let closed = false;
  let count = 0;

  const context: CcsContext = {
    ...shared,
    onOnline(connection) {
      online.set(connection, viewOf(connection, shared));
      shared.counters.connections++;
      shared.events.emit({
        type: "connection",
        change: "online",
        connectionId: connection.id,
        senderId: connection.senderId,
      });
      shared.upstream.attach(connection.senderId, connection.traffic);
      for (const check of [...waiters]) check();
    },
    refuseConnection: (senderId) => limits.refuse(senderId),
    onClosed(connection) {
      if (online.delete(connection)) limits.closed(connection.senderId);
      all.delete(connection);
    },
    seenBefore(senderId, messageId) {
      const key = `${senderId}\n${messageId}`;
      if (remembered.has(key)) return true;
      remembered.add(key);
      rememberedText += key.length;
      // all at once: dropping the oldest one by one makes a set slow
      if (remembered.size > MAX_REMEMBERED || rememberedText > MAX_REMEMBERED_TEXT) {
        remembered.clear();
        rememberedText = 0;
      }
      return false;
    },
  };

  const server = createServer({
    cert: options.cert,
    key: options.key,
    handshakeTimeout: options.handshakeTimeoutMs,
  });
  server.prependListener("connection", (socket) => {
    if (shared.faults.takeLogin(["refuse"]) !== undefined) socket.resetAndDestroy();
  });
  guard.watch(server);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("secureConnection", (socket: TLSSocket) => {
    if (closed) return void socket.destroy();
    guard.proven(socket);
    if (shared.faults.takeLogin(["hang"]) !== undefined) {
      socket.on("error", () => {});
      socket.resume();
      return;
    }
    all.add(new CcsConnection(++count, socket, context));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    });
  });
  const address = server.address();

  let cancelKeepAlive = (): void => {};
  const keepAlive = (): void => {
    for (const connection of online.keys()) connection.keepAlive();
    cancelKeepAlive = shared.clock.schedule(options.keepAliveMs, keepAlive);
  };
  if (Number.isFinite(options.keepAliveMs)) cancelKeepAlive = shared.clock.schedule(options.keepAliveMs, keepAlive);

  let closing: Promise<void> | undefined;
  return {
    host: options.host,
    port: typeof address === "object" && address !== null ? address.port : options.port,
    get connections() {
      return [...online.values()];
    },
    get autoAck() {
      return context.autoAck;
    },
    set autoAck(value) {
      context.autoAck = value;
    },
    drainAll({ nack = false } = {}) {
      for (const connection of [...online.values()]) connection.drain({ nack });
    },
    cutAll() {
      for (const connection of [...online.values()]) connection.cut();
    },
    ack(messageId) {
      for (const connection of online.values()) if (connection.ack(messageId)) return true;
      return false;
    },
    ackAll() {
      let acked = 0;
      for (const connection of online.values()) acked += connection.ackAll();
      return acked;
    },
    nack(messageId, error, detail) {
      for (const connection of online.values()) if (connection.nack(messageId, error, detail)) return true;
      return false;
    },
    waitForConnections(wanted, { signal } = {}) {
      return new Promise((resolve, reject) => {
        const end = (): void => {
          waiters.delete(check);
          signal?.removeEventListener("abort", check);
        };
        const check = (): void => {
          if (signal?.aborted) {
            end();
            reject(new AbortedError("ccs.waitForConnections()", signal.reason));
          } else if (closed) {
            end();
            reject(new ClosedError("The emulator"));
          } else if (online.size >= wanted) {
            end();
            resolve([...online.values()]);
          }
        };
        waiters.add(check);
        signal?.addEventListener("abort", check, { once: true });
        check();
      });
    },
    close() {
      closing ??= new Promise((resolve) => {
        closed = true;
        cancelKeepAlive();
        for (const check of [...waiters]) check();
        for (const connection of [...all]) connection.cut("the emulator was closed");
        guard.closeAll();
        server.close(() => resolve());
      });
      return closing;
    },
  };
}

function viewOf(
  connection: CcsConnection,
  { upstream, counters }: Pick<CcsContext, "upstream" | "counters">,
): EmulatedConnection {
  return {
    id: connection.id,
    get phase() {
      return connection.phase;
    },
    senderId: connection.senderId,
    jid: connection.jid,
    get pending() {
      return connection.traffic.pending.length;
    },
    get unackedUpstream() {
      return upstream.unacked(connection.senderId, connection.traffic);
    },
    drain: ({ nack = false } = {}) => connection.traffic.drain(nack),
    cut() {
      counters.cuts++;
      connection.cut();
    },
    ack: (messageId) => connection.traffic.ack(messageId),
    ackAll() {
      let acked = 0;
      for (const messageId of connection.traffic.pending) if (connection.traffic.ack(messageId)) acked++;
      return acked;
    },
    nack: (messageId, error, detail) => connection.traffic.nack(messageId, refusalOf(error, detail)),
  };
}

function refusalOf(error: string, detail: string | undefined): Refusal {
  if (error === "") throw new InvalidOptionsError([{ path: "error", problem: "must not be empty" }]);
  return Object.hasOwn(ERROR_CODES, error)
    ? { kind: "refused", code: error as ErrorCode, detail }
    : { kind: "refused", code: "internal-error", word: error, detail };
}
