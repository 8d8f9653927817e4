import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import {
  type CancelTimer,
  type Clock,
  earlier,
  elapsedMs,
  LONG_AGO,
  type MonotonicInstant,
  NEVER,
  onAbort,
  plusMs,
  systemClock,
} from "@cloud-messaging/core";
import { ChurningSet } from "./churning-set.ts";
import { createDeadlines, type Deadlines, type Expiring } from "./deadlines.ts";
import {
  type HttpClient,
  type HttpClientOptions,
  type HttpFailureCode,
  type HttpRequest,
  type HttpResult,
  isOverloadStatus,
} from "./http-client.ts";
import { textOf } from "./http-text.ts";
import { Http2Connection } from "./http2-connection.ts";
import type { AnswerProblem, Cancellable, Http2Request } from "./http2-stream.ts";
import { createSlots, type SlotHolder, type Slots } from "./slots.ts";
import { createSlowdownDetector, type SlowdownDetector } from "./slowdown.ts";

/** How requests are made to one origin over HTTP/2. There is no proxy: over one, HTTP/1.1 is spoken. */
export interface Http2ClientOptions
  extends Pick<
    HttpClientOptions,
    "origin" | "timeoutMs" | "keepAliveMs" | "maxResponseBytes" | "closeTimeoutMs" | "connect" | "clock" | "isOverload"
  > {
  /** Most connections. Another one is opened only when the streams of all others are taken. */
  readonly maxConnections: number;
  /** Most requests under way. The time limit of one that waits for its turn is its deadline; after that it is `timeoutMs` too. */
  readonly maxConcurrent: number;
}

/** Limit for making a connection. Unit: milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Quiet with requests under way for so long asks for a ping. Unit: milliseconds. */
const PING_AFTER_MS = 5_000;
const PING_TIMEOUT_MS = 5_000;
/** How often one request goes elsewhere by itself, being provably unsent. After that somebody with a longer patience has to decide. */
const MAX_MOVES = 5;
/** Waits before each move: a server that refuses has too much to do, and is not asked again in the same millisecond. Unit: milliseconds. */
const MOVE_DELAYS_MS = [0, 20, 80, 320, 1_000] as const;
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

class Http2Pool {
  readonly options: Http2ClientOptions;
  readonly clock: Clock;
  readonly slots: Slots;
  readonly deadlines: Deadlines;
  readonly slowdown: SlowdownDetector = createSlowdownDetector();
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
  readonly #pending = new ChurningSet<Exchange>();
  readonly #waiting = new ChurningSet<Exchange>();
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
    this.slots = createSlots(options.maxConcurrent);
    this.deadlines = createDeadlines(this.clock);
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
      const exchange = new Exchange(this, request, resolve);
      this.#pending.add(exchange);
      exchange.begin();
    });
  }

  /**
   * Puts a request on a connection, or in the queue for one.
   *
   * @param avoided The connection that has just refused it: taken only where no other has room.
   */
  assign(exchange: Exchange, avoided?: Http2Connection): void {
    const connection = this.#withRoom(avoided) ?? this.#withRoom();
    if (connection !== undefined) {
      exchange.start(connection);
      return;
    }
    this.#waiting.add(exchange);
    this.#openIfNeeded();
  }

  withdraw(exchange: Exchange): void {
    this.#waiting.delete(exchange);
  }

  settled(exchange: Exchange): void {
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

  /** The one with the most streams that still has room: few connections stay busy, and the others can be let go. */
  #withRoom(avoided?: Http2Connection): Http2Connection | undefined {
    let best: Http2Connection | undefined;
    const staleBefore = plusMs(this.clock.monotonic(), -this.options.keepAliveMs);
    for (const connection of this.#active) {
      if (connection.room === 0 || connection === avoided) continue;
      if (connection.streams === 0 && connection.heardAt < staleBefore) {
        // so long unused that the far end, or something on the way, has likely forgotten it
        connection.retire();
      } else if (best === undefined || connection.streams > best.streams) best = connection;
    }
    return best;
  }

  #openIfNeeded(): void {
    // a server that takes no more connections is not asked again and again by those that wait for one it has taken
    if (this.#active.size > 0 && this.clock.monotonic() < this.#noOpenBefore) return;
    let connecting = 0;
    for (const connection of this.#active) if (connection.connecting) connecting++;
    const room = this.options.maxConnections - this.#active.size;
    if (room > 0 && this.#waiting.size > connecting * WAITING_PER_CONNECTION) this.#open();
  }

  #open(): void {
    const { origin, connect, timeoutMs } = this.options;
    const connection: Http2Connection = new Http2Connection(
      {
        origin,
        tls: connect,
        clock: this.clock,
        connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
        pingAfterMs: PING_AFTER_MS,
        pingTimeoutMs: PING_TIMEOUT_MS,
      },
      {
        onCapacity: () => {
          if (connection.room > 0 && !connection.used) this.#failedOpens = 0;
          this.#serve(connection);
        },
        onRetired: () => {
          this.#active.delete(connection);
          if (this.#waiting.size > 0) this.#openIfNeeded();
        },
        onClosed: (reason, used) => this.#onClosed(connection, reason, used),
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

  #onClosed(connection: Http2Connection, reason: string | undefined, used: boolean): void {
    this.#active.delete(connection);
    this.#all.delete(connection);
    if (!used) {
      const delayMs = Math.min(MAX_REOPEN_MS, REOPEN_MS * 2 ** Math.min(this.#failedOpens++, 10));
      this.#noOpenBefore = plusMs(this.clock.monotonic(), delayMs);
    }
    if (this.#all.size === 0) this.#onGone?.();
    if (this.#waiting.size === 0) return;
    if (used || this.#active.size > 0) {
      this.#openIfNeeded();
    } else {
      // one that was never of use is not followed by another at once: that would go on without end
      const detail = reason ?? `the connection to ${this.options.origin} ended before it was of use`;
      for (const exchange of [...this.#waiting]) exchange.end("connection-failed", detail);
    }
  }
}

/** One request and its answer. */
class Exchange implements Expiring, SlotHolder, Http2Request {
  expiresAt: MonotonicInstant;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Buffer | undefined;
  readonly maxResponseBytes: number;
  readonly #pool: Http2Pool;
  readonly #request: HttpRequest;
  readonly #resolve: (result: HttpResult) => void;
  #forgetSignal: (() => void) | undefined;
  #cancelMove: CancelTimer | undefined;
  #connection: Http2Connection | undefined;
  #phase: "waiting" | "dispatched" | "started" | "over" = "waiting";
  #stream: Cancellable | undefined;
  #epoch = 0;
  #moves = 0;
  #sentAt = 0;
  #startedAt: MonotonicInstant = LONG_AGO;

  constructor(pool: Http2Pool, request: HttpRequest, resolve: (result: HttpResult) => void) {
    this.#pool = pool;
    this.#request = request;
    this.#resolve = resolve;
    this.body = request.body;
    this.maxResponseBytes = pool.options.maxResponseBytes;
    // waiting for its turn costs nobody anything but the caller's own time; the attempt's begins when it has come
    this.expiresAt = request.deadline ?? NEVER;
    this.headers = pool.headersOf(request);
  }

  begin(): void {
    const { deadlines, slots, clock } = this.#pool;
    const { signal } = this.#request;
    if (signal?.aborted) {
      this.end("aborted", "the signal was aborted");
    } else if (this.expiresAt <= clock.monotonic()) {
      this.expire();
    } else {
      if (signal !== undefined) {
        this.#forgetSignal = onAbort(signal, () => this.end("aborted", "the signal was aborted"));
      }
      slots.acquire(this);
      if (this.#phase === "waiting" && this.expiresAt !== NEVER) deadlines.add(this);
    }
  }

  run(): void {
    const { deadlines, clock, options } = this.#pool;
    this.#phase = "dispatched";
    deadlines.delete(this);
    this.expiresAt = earlier(this.expiresAt, plusMs(clock.monotonic(), options.timeoutMs));
    deadlines.add(this);
    this.#epoch = this.#pool.slots.epoch;
    this.#pool.assign(this);
  }

  start(connection: Http2Connection): void {
    this.#phase = "started";
    this.#sentAt = this.#pool.clock.now();
    this.#startedAt = this.#pool.clock.monotonic();
    this.#connection = connection;
    this.#stream = connection.request(this);
  }

  expire(): void {
    this.end("timeout", this.#phase === "started" ? "no answer in time" : "no connection in time");
  }

  /** Ends it from our side. */
  end(code: HttpFailureCode, detail: string): void {
    if (this.#phase === "over") return;
    const written = this.#phase === "started";
    const stream = this.#stream;
    this.#fail(code, detail, written);
    stream?.cancel();
  }

  onAnswer(status: number, headers: IncomingHttpHeaders, body: Buffer, problem: AnswerProblem | undefined): void {
    if (this.#phase === "over") return;
    const { slots, slowdown, clock, options } = this.#pool;
    const { isOverload = isOverloadStatus } = options;
    const text = textOf(body);
    if (isOverload(status, text)) slots.overloaded(this.#epoch);
    else if (slowdown.observe(elapsedMs(clock, this.#startedAt))) slots.overloaded(this.#epoch);
    else if (status >= 200 && status < 500) slots.healthy();
    this.#finish({
      kind: "answer",
      status,
      headers,
      body: text,
      ...(problem === undefined ? {} : { incomplete: problem }),
      sentAt: this.#sentAt,
    });
  }

  onRefused(reason: string): void {
    if (this.#phase === "over") return;
    this.#stream = undefined;
    this.#phase = "dispatched";
    if (++this.#moves > MAX_MOVES) {
      this.#fail("connection-lost", `refused ${this.#moves} times: ${reason}`, false);
      return;
    }
    const refusing = this.#connection;
    const delayMs = MOVE_DELAYS_MS[this.#moves - 1] ?? 0;
    if (delayMs === 0) this.#pool.assign(this, refusing);
    else this.#cancelMove = this.#pool.clock.schedule(delayMs, () => this.#pool.assign(this, refusing));
  }

  onLost(reason: string): void {
    if (this.#phase === "over") return;
    this.#fail("connection-lost", reason, true);
  }

  #fail(code: HttpFailureCode, detail: string, written: boolean): void {
    this.#finish({ kind: "failure", code, detail, written, ...(written ? { sentAt: this.#sentAt } : {}) });
  }

  #finish(result: HttpResult): void {
    const { deadlines, slots } = this.#pool;
    const hadSlot = this.#phase !== "waiting";
    this.#phase = "over";
    deadlines.delete(this);
    this.#pool.withdraw(this);
    this.#forgetSignal?.();
    this.#cancelMove?.();
    this.#resolve(result);
    if (hadSlot) slots.release();
    else slots.withdraw(this);
    this.#pool.settled(this);
  }
}
