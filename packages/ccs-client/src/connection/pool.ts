import { AuthenticationError, type CancelTimer } from "@cloud-messaging/core";
import { plusMs, publish } from "@cloud-messaging/core/transport";
import type { CcsFrame } from "@cloud-messaging/core/wire";
import type { Outgoing, Outlet } from "../downstream/outgoing.ts";
import type { PendingSlot } from "../downstream/pending-window.ts";
import type { ResolvedCcsOptions } from "../options.ts";
import type { StanzaError } from "../xmpp/stanza.ts";
import { Connection } from "./connection.ts";
import type { ConnectionState } from "./connection-state.ts";
import { ConnectRate, reconnectDelayMs } from "./reconnect.ts";

/** Who is told what happens on the connections. */
export interface PoolOwner {
  frame(connection: Connection<Outgoing>, frame: CcsFrame): void;
  stanzaError(connection: Connection<Outgoing>, error: StanzaError): void;
  expired(connection: Connection<Outgoing>, slots: readonly PendingSlot<Outgoing>[]): void;
  /** It has ended, with whatever was pending on it. */
  lost(connection: Connection<Outgoing>, reason: string): void;
  /** There is room that was not there before. */
  room(): void;
  /** A connection is online; `ready` may be told. */
  online(): void;
  /** The credentials were refused: no further attempt is made. */
  refused(error: AuthenticationError): void;
}

/** One of the connections that are kept up: the current one, or the wait for the next. */
interface Lane {
  current: Connection<Outgoing> | undefined;
  /** ID of the connection this one follows; 0 before the first. */
  latestId: number;
  /** The wait before the next attempt. */
  timer: CancelTimer | undefined;
  /** Attempts in a row that ended before the connection had proved itself. */
  failures: number;
}

/** The connections of one sender: keeps as many up as asked for, opens successors before the old ones are gone, waits between failures. */
export class ConnectionPool implements Outlet {
  readonly #options: ResolvedCcsOptions;
  readonly #owner: PoolOwner;
  readonly #lanes: Lane[];
  /** Every connection that has not ended, draining ones included. */
  readonly #connections = new Set<Connection<Outgoing>>();
  readonly #rate: ConnectRate;
  readonly #emptyWaiters: (() => void)[] = [];
  #trouble: Error | undefined;
  #lastId = 0;
  #stopped = false;

  constructor(options: ResolvedCcsOptions, owner: PoolOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#rate = new ConnectRate(options.maxConnectsPerMinute);
    this.#lanes = Array.from({ length: options.connections }, () => ({
      current: undefined,
      latestId: 0,
      timer: undefined,
      failures: 0,
    }));
  }

  /** Opens every connection. */
  start(): void {
    for (const lane of this.#lanes) this.#connectAfter(lane, 0);
  }

  /** Every connection that has not ended, oldest first. */
  get connections(): Iterable<Connection<Outgoing>> {
    return this.#connections;
  }

  /** Why the latest attempt failed; absent while a connection is up. */
  get trouble(): Error | undefined {
    return this.#trouble;
  }

  get accepting(): boolean {
    return this.#lanes.some(({ current }) => current?.accepting);
  }

  /** Of the connections with room, the one with the fewest messages pending. */
  pick(id: string): Connection<Outgoing> | undefined {
    let best: Connection<Outgoing> | undefined;
    for (const { current } of this.#lanes) {
      if (current === undefined || !current.accepting || current.window.has(id)) continue;
      if (best === undefined || current.window.size < best.window.size) best = current;
    }
    return best;
  }

  /** Starts no further connection. */
  stop(): void {
    this.#stopped = true;
    for (const lane of this.#lanes) {
      lane.timer?.();
      lane.timer = undefined;
    }
  }

  /** Closes every stream properly; resolves when every socket is gone. */
  close(): Promise<void> {
    this.stop();
    for (const connection of [...this.#connections]) connection.close();
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptyWaiters.push(resolve));
  }

  #connectAfter(lane: Lane, delayMs: number): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const now = clock.monotonic();
    const waitMs = Math.ceil(this.#rate.reserve(now, plusMs(now, delayMs)));
    if (waitMs <= 0) {
      this.#connect(lane);
      return;
    }
    publish("cloud-messaging:ccs-connection", () => ({
      connectionId: lane.latestId,
      phase: "backing-off",
      attempt: lane.failures + 1,
      pending: 0,
      reason: `next attempt in ${waitMs} ms`,
    }));
    lane.timer = clock.schedule(waitMs, () => {
      lane.timer = undefined;
      this.#connect(lane);
    });
  }

  #connect(lane: Lane): void {
    const connection: Connection<Outgoing> = new Connection(++this.#lastId, this.#options, {
      stateChanged: (changed, previous) => this.#stateChanged(lane, changed, previous),
      frame: (from, frame) => this.#owner.frame(from, frame),
      stanzaError: (from, error) => this.#owner.stanzaError(from, error),
      expired: (from, slots) => this.#owner.expired(from, slots),
      writable: () => this.#owner.room(),
    });
    lane.current = connection;
    lane.latestId = connection.id;
    this.#connections.add(connection);
  }

  #stateChanged(lane: Lane, connection: Connection<Outgoing>, previous: ConnectionState): void {
    const { state } = connection;
    switch (state.phase) {
      case "open":
        this.#trouble = undefined;
        this.#owner.online();
        this.#owner.room();
        break;
      case "draining":
        this.#trouble = undefined;
        // make before break: the successor is opened while this one still collects its answers
        this.#succeed(lane, connection, true, state.reason !== "ack-timeout");
        break;
      case "closed":
        this.#connections.delete(connection);
        this.#ended(lane, connection, state.cause, previous.phase !== "connecting");
        if (this.#connections.size === 0) for (const resolve of this.#emptyWaiters.splice(0)) resolve();
        break;
      case "closing":
      case "connecting":
        break;
    }
  }

  #ended(lane: Lane, connection: Connection<Outgoing>, cause: Error | undefined, wasOnline: boolean): void {
    if (cause instanceof AuthenticationError) {
      this.stop();
      this.#trouble = cause;
      this.#owner.lost(connection, cause.message);
      this.#owner.refused(cause);
      return;
    }
    if (cause !== undefined && !wasOnline) this.#trouble = cause;
    this.#succeed(lane, connection, wasOnline);
    this.#owner.lost(connection, cause?.message ?? "the connection was closed");
  }

  /**
   * Opens the connection that comes after this one, if that has not happened yet.
   *
   * @param relieved CCS asked for it, after a good login: nothing has failed.
   */
  #succeed(lane: Lane, connection: Connection<Outgoing>, wasOnline: boolean, relieved = false): void {
    if (lane.current !== connection) return;
    lane.current = undefined;
    lane.failures = relieved || connection.proven ? 0 : lane.failures + 1;
    const { reconnect, random } = this.#options;
    this.#connectAfter(lane, reconnectDelayMs(reconnect, { failures: lane.failures, wasOnline }, random));
  }
}
