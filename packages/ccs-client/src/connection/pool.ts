import { AuthenticationError, ConnectionError } from "@cloud-messaging/core";
import {
  authorityOf,
  type CancelTimer,
  connectionFailure,
  plusMs,
  publish,
  Reachability,
} from "@cloud-messaging/core/transport";
import type { Outgoing, Outlet } from "../downstream/outgoing.ts";
import type { ResolvedCcsOptions } from "../options.ts";
import { Connection, type ConnectionReceivers } from "./connection.ts";
import type { ConnectionEnd, ConnectionState, Refusal } from "./connection-state.ts";
import { ConnectRate, reconnectDelayMs } from "./reconnect.ts";

/** Receivers of what the connections read, and listener of the pool itself. */
export interface PoolReceivers extends ConnectionReceivers<Outgoing> {
  /** A connection is online. */
  online(): void;
  /** No connection can come about: the pool makes no further attempt. */
  refused(refusal: Refusal): void;
}

/** Place for one connection at a time: the current one, or the wait for its successor. */
interface Lane {
  current: Connection<Outgoing> | undefined;
  /** ID of the latest connection; 0 before the first. */
  latestId: number;
  /** Timer of the next attempt. */
  timer: CancelTimer | undefined;
  /** Consecutive attempts that ended before the connection was `proven`. */
  failures: number;
}

/** Connection pool of one sender: keeps the configured number of connections up, opens successors of draining ones, reconnects with back-off. */
export class ConnectionPool implements Outlet {
  readonly #options: ResolvedCcsOptions;
  readonly #lanes: Lane[];
  /** Connections that have not ended, draining ones included. */
  readonly #connections = new Set<Connection<Outgoing>>();
  readonly #rate: ConnectRate;
  readonly #emptyWaiters: (() => void)[] = [];
  readonly #address: string;
  readonly #reachability: Reachability;
  /** Set by `start`, before the first connection. */
  #receivers!: PoolReceivers;
  #lastError: Error | undefined;
  #lastId = 0;
  #stopped = false;

  constructor(options: ResolvedCcsOptions) {
    this.#options = options;
    this.#address = authorityOf(options);
    this.#reachability = new Reachability("ccs", this.#address, process);
    this.#rate = new ConnectRate(options.maxConnectsPerMinute);
    this.#lanes = Array.from({ length: options.connections }, () => ({
      current: undefined,
      latestId: 0,
      timer: undefined,
      failures: 0,
    }));
  }

  /** Opens the connections. Each of them reports to the receivers directly. */
  start(receivers: PoolReceivers): void {
    this.#receivers = receivers;
    for (const lane of this.#lanes) this.#connectAfter(lane, 0);
  }

  /** Connections that have not ended, oldest first. */
  get connections(): Iterable<Connection<Outgoing>> {
    return this.#connections;
  }

  /** Error of the latest failed attempt, until a connection is online. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  get accepting(): boolean {
    return this.#lanes.some(({ current }) => current?.accepting);
  }

  /** Returns the accepting connection with the fewest pending messages on which the message ID is not in use. */
  pick(id: string): Connection<Outgoing> | undefined {
    let best: Connection<Outgoing> | undefined;
    for (const { current } of this.#lanes) {
      if (current === undefined || !current.accepting || current.window.has(id)) continue;
      if (best === undefined || current.window.size < best.window.size) best = current;
    }
    return best;
  }

  /** Makes no further attempt to connect. */
  stop(): void {
    this.#stopped = true;
    for (const lane of this.#lanes) {
      lane.timer?.();
      lane.timer = undefined;
    }
  }

  /** Closes every connection; resolves when every socket is closed. */
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
    const connection = new Connection<Outgoing>(++this.#lastId, this.#options, this.#receivers, (changed, previous) =>
      this.#stateChanged(lane, changed, previous),
    );
    lane.current = connection;
    lane.latestId = connection.id;
    this.#connections.add(connection);
  }

  #stateChanged(lane: Lane, connection: Connection<Outgoing>, previous: ConnectionState): void {
    const { state } = connection;
    switch (state.phase) {
      case "open":
        this.#lastError = undefined;
        this.#reachability.answered();
        this.#receivers.online();
        this.#receivers.downstream.pump();
        break;
      case "draining":
        this.#lastError = undefined;
        this.#reachability.answered();
        // make before break: the successor is opened while this one still receives answers
        this.#succeed(lane, connection, { wasOnline: true, drained: state.reason !== "ack-timeout" });
        break;
      case "closed":
        this.#connections.delete(connection);
        this.#ended(lane, connection, previous.phase !== "connecting");
        if (this.#connections.size === 0) for (const resolve of this.#emptyWaiters.splice(0)) resolve();
        break;
      case "closing":
      case "connecting":
        break;
    }
  }

  #ended(lane: Lane, connection: Connection<Outgoing>, wasOnline: boolean): void {
    const cause = connection.state.phase === "closed" ? connection.state.cause : undefined;
    const refusal = cause === undefined || wasOnline ? undefined : this.#refusalOf(cause);
    if (cause !== undefined && !wasOnline) this.#lastError = this.#withAddress(cause);
    if (refusal !== undefined) this.stop();
    else this.#succeed(lane, connection, { wasOnline, drained: false });
    const { upstream, receipts, downstream } = this.#receivers;
    upstream.connectionEnded();
    receipts.connectionEnded();
    downstream.lost(connection, cause?.message ?? "the connection was closed");
    if (refusal !== undefined) this.#receivers.refused(refusal);
  }

  /** Reports a first failure. Returns a refusal where waiting cannot heal; an endpoint that has worked before is tried again. */
  #refusalOf(cause: ConnectionEnd): Refusal | undefined {
    if (cause instanceof AuthenticationError) return { code: "authentication-failed", error: cause };
    const { code } = connectionFailure(this.#address, cause.cause ?? cause);
    const error = this.#withAddress(cause);
    this.#reachability.failed(code, error.message);
    return code === "connection-failed" || this.#reachability.reached ? undefined : { code, error };
  }

  #withAddress(cause: ConnectionEnd): ConnectionEnd {
    if (cause instanceof AuthenticationError || cause.message.includes(this.#address)) return cause;
    return new ConnectionError(`no connection to ${this.#address}: ${cause.message}`, { cause });
  }

  /** Schedules the successor of a connection, once. `drained`: CCS asked for it, so it is no failure. */
  #succeed(
    lane: Lane,
    connection: Connection<Outgoing>,
    { wasOnline, drained }: { readonly wasOnline: boolean; readonly drained: boolean },
  ): void {
    if (lane.current !== connection) return;
    lane.current = undefined;
    lane.failures = drained || connection.proven ? 0 : lane.failures + 1;
    const { reconnect, random } = this.#options;
    this.#connectAfter(lane, reconnectDelayMs(reconnect, { failures: lane.failures, wasOnline }, random));
  }
}
