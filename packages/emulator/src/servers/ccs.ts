import {
  type CcsConnection,
  type CcsPhase,
  type CcsServerEvent,
  type CcsServerOptions,
  type DrainOptions,
  type Refusal,
  startCcsServer,
} from "@cloud-messaging/connection-server";
import { AbortedError, type Clock, ClosedError, type ErrorCode, InvalidOptionsError } from "@cloud-messaging/core";
import { checkSignalOptions, defined, ERROR_CODES } from "@cloud-messaging/core/transport";
import type { Counters } from "../stats.ts";
import { HeldMessages } from "./ccs-held.ts";
import { createCcsHooks } from "./ccs-hooks.ts";
import type { EndpointContext } from "./endpoint.ts";

/** One connection of an app server. */
export interface EmulatedConnection {
  /** Number of the connection, from 1 in the order in which they connected. */
  readonly id: number;
  readonly phase: CcsPhase;
  /** Sender that has logged in. */
  readonly senderId: string;
  /** Bound address. */
  readonly jid: string;
  /** Downstream messages without an answer. */
  readonly pending: number;
  /** Upstream messages and receipts without an ack. */
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

/** The CCS side of the emulator. */
export interface EmulatedCcs {
  /** Address of the listener. */
  readonly host: string;
  /** 0 when the emulator was started without CCS. */
  readonly port: number;
  /** Connections that are logged in and bound, the oldest first. */
  readonly connections: readonly EmulatedConnection[];
  /** True if messages are acknowledged automatically. If false, `ack()` and `nack()` decide; messages held already stay held. */
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

/** The emulator's own side of its CCS server. */
export interface CcsSide extends EmulatedCcs {
  close(): Promise<void>;
}

/** Starts the connection server for CCS over the emulated service, with faults, counters and events around it. */
export async function startCcs(
  where: Pick<CcsServerOptions, "host" | "port" | "tls" | "handshakeTimeoutMs">,
  context: EndpointContext,
): Promise<CcsSide> {
  const { counters, events, settings, ids } = context;
  const clock: Clock = settings.clock;
  // the emulator's own, and those of the connection server
  const { autoAck, ackDelayMs, upstreamWindow: _window, upstreamResendMs: _resend, ...behaviour } = settings.ccs;
  const service = new HeldMessages(context, autoAck);
  const hooks = createCcsHooks({ ...context, clock, ackDelayMs });
  const online = new Map<CcsConnection, EmulatedConnection>();
  const waiters = new Set<() => void>();
  let closed = false;

  const server = await startCcsServer({
    ...behaviour,
    ...where,
    service,
    hooks,
    clock,
    hexId: (digits) => ids.hex(digits),
    lenientNumbers: settings.lenientNumbers,
    groupFailureCounts: settings.groupFailureCounts,
    // a test may leave any number of messages undecided, for any time
    maxConcurrentMessages: Number.POSITIVE_INFINITY,
    decisionTimeoutMs: Number.POSITIVE_INFINITY,
    onEvent(event) {
      count(event, counters);
      if (event.type === "online") online.set(event.connection, viewOf(event.connection, service, counters));
      if (event.type === "closed") online.delete(event.connection);
      publish(event, events);
      if (event.type === "online") for (const check of [...waiters]) check();
    },
  });

  let closing: Promise<void> | undefined;
  return {
    host: where.host,
    port: server.port,
    get connections() {
      return [...online.values()];
    },
    get autoAck() {
      return service.autoAck;
    },
    set autoAck(value) {
      service.autoAck = value;
    },
    drainAll(options) {
      for (const connection of [...online.values()]) connection.drain(options);
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
    waitForConnections(wanted, options = {}) {
      return new Promise((resolve, reject) => {
        checkSignalOptions(options, "an option of waitForConnections");
        const { signal } = options;
        const end = (): void => {
          waiters.delete(check);
          signal?.removeEventListener("abort", check);
        };
        const check = (): void => {
          if (signal?.aborted) {
            end();
            reject(new AbortedError("ccs.waitForConnections()", signal.reason, "its end"));
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
      closing ??= (async () => {
        closed = true;
        for (const check of [...waiters]) check();
        await server.close();
        hooks.close();
      })();
      return closing;
    },
  };
}

function count(event: CcsServerEvent, counters: Counters): void {
  switch (event.type) {
    case "online":
      counters.connections++;
      return;
    case "draining":
      counters.drains++;
      return;
    case "login-refused":
      counters.failedLogins++;
      return;
    case "answered":
      if (event.answer === "ack") counters.acks++;
      else counters.nacks++;
      return;
    case "stanza-error":
      counters.stanzaErrors++;
      return;
    case "violation":
      counters.violations++;
      return;
  }
}

function publish(event: CcsServerEvent, events: EndpointContext["events"]): void {
  if (event.type === "violation") {
    const { connection, detail } = event;
    events.emit({ type: "violation", ...defined({ connectionId: connection?.id }), detail });
  } else if (
    event.type === "opened" ||
    event.type === "online" ||
    event.type === "draining" ||
    event.type === "closed"
  ) {
    const { id, senderId } = event.connection;
    events.emit({
      type: "connection",
      change: event.type,
      connectionId: id,
      ...(event.type === "closed" ? { reason: event.reason } : {}),
      ...(senderId === "" ? {} : { senderId }),
    });
  }
}

function viewOf(connection: CcsConnection, service: HeldMessages, counters: Counters): EmulatedConnection {
  const { id } = connection;
  return {
    id,
    get phase() {
      return connection.phase;
    },
    senderId: connection.senderId,
    jid: connection.jid,
    get pending() {
      return connection.pending;
    },
    get unackedUpstream() {
      return connection.unackedUpstream;
    },
    drain: (options) => connection.drain(options),
    cut() {
      counters.cuts++;
      connection.cut();
    },
    ack: (messageId) => service.ack(id, messageId),
    ackAll: () => service.ackAll(id),
    nack: (messageId, error, detail) => service.nack(id, messageId, refusalOf(error, detail)),
  };
}

function refusalOf(error: string, detail: string | undefined): Refusal {
  if (error === "") throw new InvalidOptionsError([{ path: "error", problem: "must not be empty" }]);
  return Object.hasOwn(ERROR_CODES, error)
    ? { kind: "refused", code: error as ErrorCode, detail }
    : { kind: "refused", code: "internal-error", word: error, detail };
}
