import type { OutgoingHttpHeaders } from "node:http2";
import type { Clock } from "@cloud-messaging/core";
import {
  ChurningSet,
  type ConnectionFailure,
  connectionFailure,
  LONG_AGO,
  type MonotonicInstant,
  plusMs,
  Reachability,
  systemClock,
} from "@cloud-messaging/core/transport";
import { createDeadlines, type Deadlines } from "./deadlines.ts";
import {
  CONNECT_TIMEOUT_MS,
  type HttpClient,
  type HttpClientOptions,
  type HttpRequest,
  type HttpResult,
} from "./http-client.ts";
import { Http2Connection } from "./http2-connection.ts";
import { type ExchangeOwner, Http2Exchange } from "./http2-exchange.ts";
import { proxyFor } from "./proxy.ts";
import { createSlots, type Slots } from "./slots.ts";
import { createSlowdownDetector, type SlowdownDetector } from "./slowdown.ts";

/** Options of an HTTP/2 client of one origin. */
export interface Http2ClientOptions
  extends Pick<
    HttpClientOptions,
    | "origin"
    | "transport"
    | "timeoutMs"
    | "idleTimeoutMs"
    | "maxResponseBytes"
    | "closeTimeoutMs"
    | "tls"
    | "proxy"
    | "clock"
    | "isOverload"
  > {
  /** Most connections. Another one is opened only when the streams of all others are taken. */
  readonly maxConnections: number;
  /** Most requests under way. The time limit of one that waits for its turn is its deadline; after that it is `timeoutMs` too. */
  readonly maxRequests: number;
}

/**
 * Longest silence after which a connection is used without a ping, and longest wait for its answer; a third of the requests' time limit
 * where that is less, so that a dead connection is noticed within one such limit. Unit: milliseconds.
 */
const MAX_PING_MS = 5_000;
/** Requests that wait for one connection to open before another one is opened too. */
const WAITING_PER_CONNECTION = 100;
/** While others work, one that came to nothing is not followed by the next for so long; doubles each time. Unit: milliseconds. */
const REOPEN_MS = 100;
const MAX_REOPEN_MS = 10_000;

/**
 * A client of one origin over HTTP/2: few long-lived connections, shared by all requests. What the server provably has not processed
 * (a refused stream, one above GOAWAY's last stream ID) goes elsewhere at once; what was written and lost is a failure with
 * `written: true`, and is never sent again here. Requests under way become fewer when the service answers 429 or 503 or slows down,
 * and more again after.
 */
export function createHttp2Client(options: Http2ClientOptions): HttpClient {
  const pool = new Http2Pool(options);
  return {
    request: (request) => pool.request(request),
    get pending() {
      return pool.pending;
    },
    get concurrency() {
      return pool.concurrency;
    },
    close: () => pool.close(),
  };
}

/** The connections of one origin, and the requests that wait for one. */
class Http2Pool implements ExchangeOwner {
  readonly options: Http2ClientOptions;
  readonly clock: Clock;
  readonly slots: Slots;
  readonly deadlines: Deadlines;
  readonly reachability: Reachability;
  readonly slowdown: SlowdownDetector = createSlowdownDetector();
  readonly #proxy: URL | undefined;
  readonly #authority: string;
  readonly #scheme: string;
  #lastHeaders:
    | {
        readonly from: readonly string[];
        readonly path: string;
        readonly method: string;
        readonly made: OutgoingHttpHeaders;
      }
    | undefined;
  readonly #pending = new ChurningSet<Http2Exchange>();
  readonly #waiting = new ChurningSet<Http2Exchange>();
  /** Those that can take requests, or will. */
  readonly #active = new Set<Http2Connection>();
  readonly #all = new Set<Http2Connection>();
  /** Connections in a row that came to nothing. */
  #failedOpens = 0;
  #noOpenBefore: MonotonicInstant = LONG_AGO;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  #onGone: (() => void) | undefined;

  constructor(options: Http2ClientOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.reachability = new Reachability(options.transport, options.origin, process);
    this.slots = createSlots(options.maxRequests);
    this.deadlines = createDeadlines(this.clock);
    this.#proxy = proxyFor(options.origin, options.proxy);
    const { host, protocol } = new URL(options.origin);
    this.#authority = host;
    this.#scheme = protocol.slice(0, -1);
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Requests of one sender differ in their bodies only: their headers are put together once. */
  headersOf({ method, path, headers }: HttpRequest): OutgoingHttpHeaders {
    const last = this.#lastHeaders;
    if (last !== undefined && last.from === headers && last.path === path && last.method === method) return last.made;
    const made: OutgoingHttpHeaders = {
      ":method": method,
      ":path": path,
      ":scheme": this.#scheme,
      ":authority": this.#authority,
    };
    for (let i = 0; i + 1 < headers.length; i += 2) made[headers[i] as string] = headers[i + 1];
    this.#lastHeaders = { from: headers, path, method, made };
    return made;
  }

  get concurrency(): number {
    return this.slots.limit;
  }

  request(request: HttpRequest): Promise<HttpResult> {
    return new Promise((resolve) => {
      if (this.#closing !== undefined) {
        resolve({ kind: "failure", code: "closed", detail: "the sender is closed", written: false });
        return;
      }
      const exchange = new Http2Exchange(this, request, resolve);
      this.#pending.add(exchange);
      exchange.begin();
    });
  }

  assign(exchange: Http2Exchange, avoided?: Http2Connection): void {
    const connection = this.#withRoom(avoided) ?? this.#withRoom();
    if (connection !== undefined) {
      exchange.start(connection);
      return;
    }
    this.#waiting.add(exchange);
    this.#openIfNeeded();
  }

  withdraw(exchange: Http2Exchange): void {
    this.#waiting.delete(exchange);
  }

  settled(exchange: Http2Exchange): void {
    this.#pending.delete(exchange);
    if (this.#pending.size === 0) this.#onIdle?.();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#pending.size > 0) {
      const cancel = this.clock.schedule(this.options.closeTimeoutMs, () => {
        for (const exchange of this.#pending) exchange.end("closed", "the sender was closed before the answer came");
      });
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      cancel();
    }
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onGone = resolve;
      for (const connection of [...this.#all]) connection.destroy("the sender was closed");
    });
  }

  /** Connection with the most streams below its limit: few connections stay busy, and idle ones can be closed. */
  #withRoom(avoided?: Http2Connection): Http2Connection | undefined {
    let best: Http2Connection | undefined;
    const staleBefore = plusMs(this.clock.monotonic(), -this.options.idleTimeoutMs);
    for (const connection of this.#active) {
      if (connection.room === 0 || connection === avoided) continue;
      if (connection.streams === 0 && connection.heardAt < staleBefore) {
        // so long unused that the far end, or something on the way, has likely forgotten it
        connection.retire();
      } else if (connection.quiet) {
        // something on the way may have forgotten it: all of these are asked at once, and not one after another
        connection.verify();
      } else if (best === undefined || connection.streams > best.streams) best = connection;
    }
    return best;
  }

  #openIfNeeded(): void {
    // a server that takes no more connections is not asked again and again by those that wait for one it has taken
    if (this.#active.size > 0 && this.clock.monotonic() < this.#noOpenBefore) return;
    let connecting = 0;
    for (const connection of this.#active) if (connection.promising) connecting++;
    const room = this.options.maxConnections - this.#active.size;
    if (room > 0 && this.#waiting.size > connecting * WAITING_PER_CONNECTION) this.#open();
  }

  #open(): void {
    const { origin, tls, timeoutMs } = this.options;
    const connection: Http2Connection = new Http2Connection(
      {
        origin,
        tls,
        proxy: this.#proxy,
        clock: this.clock,
        connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
        pingAfterMs: Math.min(MAX_PING_MS, timeoutMs / 3),
        pingTimeoutMs: Math.min(MAX_PING_MS, timeoutMs / 3),
      },
      {
        onCapacity: () => {
          this.reachability.answered();
          if (connection.room > 0 && !connection.used) this.#failedOpens = 0;
          this.#serve(connection);
        },
        onSilent: () => {
          // what one has not survived, others may not have either
          for (const other of this.#active) other.verify();
          if (this.#waiting.size > 0) this.#openIfNeeded();
        },
        onRetired: () => {
          this.#active.delete(connection);
          if (this.#waiting.size > 0) this.#openIfNeeded();
        },
        onClosed: (failure, used) => this.#onClosed(connection, failure, used),
      },
    );
    this.#active.add(connection);
    this.#all.add(connection);
  }

  #serve(connection: Http2Connection): void {
    for (const exchange of this.#waiting) {
      if (connection.room === 0) break;
      if (!this.#waiting.delete(exchange)) continue;
      exchange.start(connection);
    }
    if (this.#waiting.size > 0) this.#openIfNeeded();
  }

  #onClosed(connection: Http2Connection, failure: ConnectionFailure | undefined, used: boolean): void {
    this.#active.delete(connection);
    this.#all.delete(connection);
    if (!used) {
      const delayMs = Math.min(MAX_REOPEN_MS, REOPEN_MS * 2 ** Math.min(this.#failedOpens++, 10));
      this.#noOpenBefore = plusMs(this.clock.monotonic(), delayMs);
    }
    if (this.#all.size === 0) this.#onGone?.();
    if (failure !== undefined && this.#closing === undefined) this.reachability.failed(failure.code, failure.detail);
    if (this.#waiting.size === 0) return;
    if (used || this.#active.size > 0) {
      this.#openIfNeeded();
    } else {
      // one that was never of use is not followed by another at once: that would go on without end
      const { code, detail } = failure ?? connectionFailure(this.options.origin, "it ended before it was of use");
      for (const exchange of [...this.#waiting]) exchange.end(code, detail);
    }
  }
}
