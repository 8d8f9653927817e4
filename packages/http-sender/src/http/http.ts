import type { ClientRequest, IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";

import type { Clock } from "@cloud-messaging/core";
import {
  ChurningSet,
  connectionFailure,
  defined,
  describeError,
  earlier,
  type MonotonicInstant,
  NEVER,
  onAbort,
  openTunnel,
  plusMs,
  Reachability,
  systemClock,
  verifiedTls,
} from "@cloud-messaging/core/transport";
import type { buildConnector as Connector, Dispatcher } from "undici";
// by their files: what else undici has (fetch, WebSocket, caches, mocks) takes twice as long to load, and Bun has a module of its own in the
// place of "undici", without the pool
import buildConnector from "undici/lib/core/connect.js";
import Pool from "undici/lib/dispatcher/pool.js";

import { answerErrorCode, isNotHttp } from "./answer-error.ts";
import { createDeadlines, type Deadlines, type Expiring } from "./deadlines.ts";
import { hasFakeImmediate } from "./fake-timers.ts";
import {
  CONNECT_TIMEOUT_MS,
  type HttpAnswer,
  type HttpBody,
  type HttpClient,
  type HttpClientOptions,
  type HttpFailureCode,
  type HttpRequest,
  type HttpResult,
  isOverloadStatus,
  takeBody,
} from "./http-client.ts";
import { withoutInterimAnswers } from "./interim-answers.ts";
import { PartialAnswer } from "./partial-answer.ts";
import { proxyFor, TUNNEL_REQUESTS, targetOf } from "./proxy.ts";
import { createSlots, type SlotHolder, type Slots } from "./slots.ts";

/**
 * Creates an HTTP/1.1 client of one origin. The only module that uses undici.
 *
 * @throws {InvalidOptionsError} the environment names a proxy that cannot be used.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const clock = options.clock ?? systemClock;
  const owned = new Set<Destroyable>();
  const dispatcher = createDispatcher(options, owned);
  const pending = new ChurningSet<Exchange>();
  const idle: (() => void)[] = [];
  const shared: Shared = {
    clock,
    dispatcher,
    createDispatcher: () => createDispatcher(options, owned),
    pending,
    origin: options.origin,
    reachability: new Reachability(options.transport, options.origin, process),
    slots: createSlots(options.maxConnections),
    deadlines: createDeadlines(clock),
    timeoutMs: options.timeoutMs,
    maxResponseBytes: options.maxResponseBytes,
    isOverload: options.isOverload ?? isOverloadStatus,
    onIdle: () => {
      for (const resolve of idle.splice(0)) resolve();
    },
  };
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    if (pending.size > 0) {
      const settled = new Promise<void>((resolve) => idle.push(resolve));
      const cancel = clock.schedule(options.closeTimeoutMs, () => {
        // latest first: waiting requests must not get the permits of those that end
        for (const exchange of [...pending].reverse()) exchange.end("closed", "closed before the answer came");
      });
      await settled;
      cancel();
    }
    // its promise depends on the global queueMicrotask, which fake timers replace: await the sockets instead
    void dispatcher.destroy();
    // undici does not destroy connections that are still opening
    await Promise.all([...owned].map(gone));
  }

  return {
    request(request) {
      return new Promise((resolve) => {
        if (closing !== undefined) {
          resolve({ kind: "failure", code: "closed", detail: "the sender is closed", written: false });
          return;
        }
        new Exchange(shared, request, resolve).begin();
      });
    },
    get pending() {
      return pending.size;
    },
    get concurrency() {
      return shared.slots.limit;
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function gone(socket: Destroyable): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.destroy();
  });
}

function createDispatcher(options: HttpClientOptions, owned: Set<Destroyable>): Dispatcher {
  // pipelining stays 1: with more, undici sends requests again by itself after a connection was lost, POSTs among them.
  // Its time-outs are off: they are coarse, and deadlines are kept here.
  return new Pool(options.origin, {
    connect: createConnector(options, owned),
    connections: options.maxConnections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: options.idleTimeoutMs,
    // a server may name a shorter time, and not a longer one
    keepAliveMaxTimeout: options.idleTimeoutMs,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/** A connection or the request for one, ended by `close()`. */
type Destroyable = Socket | ClientRequest;

/** Opens the pool's connections, through a proxy if there is one, and records each, so that none outlives `close()`. */
function createConnector(options: HttpClientOptions, owned: Set<Destroyable>): Connector.connector {
  const { origin, tls } = options;
  const proxy = proxyFor(origin, options.proxy);
  const timeoutMs = Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs);
  const connect = buildConnector({ ...verifiedTls(tls), timeout: timeoutMs, allowH2: false } as object);
  const open = (to: Connector.Options, callback: Connector.Callback): void => {
    const socket = (connect as (...args: Parameters<Connector.connector>) => Socket)(to, (...result) => {
      if (result[0] === null) withoutInterimAnswers(result[1]);
      callback(...result);
    });
    owned.add(socket);
    socket.once("close", () => owned.delete(socket));
  };
  if (proxy === undefined) return open;
  const target = targetOf(origin);
  return (to, callback) => {
    const tunnel = openTunnel(TUNNEL_REQUESTS, { proxy, target, tls, timeoutMs }, (error, socket) => {
      owned.delete(tunnel);
      if (error !== null || socket === null) {
        callback(error ?? new Error("no connection"), null);
        return;
      }
      owned.add(socket.setTimeout(0));
      socket.once("close", () => owned.delete(socket));
      if (to.protocol === "https:") open({ ...to, httpSocket: socket }, callback);
      else callback(null, withoutInterimAnswers(socket));
    });
    owned.add(tunnel);
  };
}

interface Shared {
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  /** Creates one for a single request. */
  readonly createDispatcher: () => Dispatcher;
  readonly pending: ChurningSet<Exchange>;
  readonly origin: string;
  readonly reachability: Reachability;
  readonly slots: Slots;
  readonly deadlines: Deadlines;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly isOverload: (status: number, body: string) => boolean;
  readonly onIdle: () => void;
}

/** One request and its answer. undici calls the `on…` methods. */
class Exchange implements Expiring, SlotHolder, Dispatcher.DispatchHandler {
  expiresAt: MonotonicInstant;
  readonly #shared: Shared;
  readonly #request: HttpRequest;
  readonly #resolve: (result: HttpResult) => void;
  #forgetSignal: (() => void) | undefined;
  #phase: "waiting" | "dispatched" | "over" = "waiting";
  /** True once bytes may have been sent: undici calls `onRequestStart` right before it writes, and writes nothing if that aborts. */
  #written = false;
  #sent: HttpBody | undefined;
  /** True if the body that was handed over is out of date. */
  #stale = false;
  #controller: Dispatcher.DispatchController | undefined;
  #epoch = 0;
  #sentAt: number | undefined;
  #answer: PartialAnswer | undefined;
  /** Connection of its own, under fake timers. */
  #ownDispatcher: Dispatcher | undefined;

  constructor(shared: Shared, request: HttpRequest, resolve: (result: HttpResult) => void) {
    this.#shared = shared;
    this.#request = request;
    this.#resolve = resolve;
    // the attempt's time limit begins with its connection
    this.expiresAt = request.deadline ?? NEVER;
  }

  begin(): void {
    const { pending, deadlines, slots, clock } = this.#shared;
    const { signal } = this.#request;
    pending.add(this);
    if (signal?.aborted) {
      this.end("aborted", "the signal was aborted");
    } else if (this.expiresAt <= clock.monotonic()) {
      this.expire();
    } else {
      if (signal !== undefined)
        this.#forgetSignal = onAbort(signal, () => this.end("aborted", "the signal was aborted"));
      slots.acquire(this);
      if (this.#phase === "waiting" && this.expiresAt !== NEVER) deadlines.add(this);
    }
  }

  run(): void {
    const { slots, clock, deadlines, timeoutMs } = this.#shared;
    this.#phase = "dispatched";
    this.#epoch = slots.epoch;
    this.#sentAt = clock.now();
    deadlines.delete(this);
    this.expiresAt = earlier(this.expiresAt, plusMs(clock.monotonic(), timeoutMs));
    deadlines.add(this);
    this.#dispatch();
  }

  #dispatch(): void {
    const { dispatcher, origin } = this.#shared;
    const { method, path, headers } = this.#request;
    const body = takeBody(this.#request, this);
    if (body === undefined) return;
    this.#sent = body ?? undefined;
    if (hasFakeImmediate()) this.#ownDispatcher = this.#shared.createDispatcher();
    (this.#ownDispatcher ?? dispatcher).dispatch({ origin, method, path, headers: headers as string[], body }, this);
  }

  expire(): void {
    const { origin, reachability } = this.#shared;
    const detail = this.#written ? "no answer in time" : `no connection to ${origin} in time`;
    if (this.#phase === "dispatched" && !this.#written) reachability.failed("timeout", detail);
    this.end("timeout", detail);
  }

  /** Ends it from this side. */
  end(code: HttpFailureCode, detail: string): void {
    if (this.#phase === "over") return;
    const controller = this.#controller;
    this.#finishWithout(code, detail);
    // after it is over, so that the error this raises finds nothing to settle
    controller?.abort(new Error(detail));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#phase === "over") {
      controller.abort(new Error("ended before it was sent"));
      return;
    }
    const { body } = this.#request;
    if (typeof body === "function" && body() !== this.#sent) {
      // the body changed while connecting; throwing ends the request and keeps the connection
      this.#stale = true;
      throw new Error("the body has changed");
    }
    this.#controller = controller;
    this.#written = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#shared.reachability.answered();
    if (status >= 200) this.#answer = new PartialAnswer(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { maxResponseBytes } = this.#shared;
    if (this.#phase === "over" || this.#answer?.add(chunk, maxResponseBytes) !== false) return;
    this.end("invalid-response", `the answer is longer than ${maxResponseBytes} bytes`);
  }

  onResponseEnd(): void {
    if (this.#phase === "over" || this.#answer === undefined) return;
    this.#finish(this.#read(this.#answer));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#phase === "over") return;
    if (this.#stale) {
      this.#stale = false;
      this.#dispatch();
      return;
    }
    const { origin, reachability } = this.#shared;
    const otherProtocol = this.#written && !reachability.reached && isNotHttp(error);
    if (this.#written && !otherProtocol) {
      this.#finishWithout(answerErrorCode(error), describeError(error));
      return;
    }
    // what does not speak HTTP has not understood the request
    this.#written = false;
    const { code, detail } = connectionFailure(origin, error, otherProtocol ? "wrong-protocol" : undefined);
    reachability.failed(code, detail);
    this.#finishWithout(code, detail);
  }

  /** Ends with an incomplete answer, or with none. */
  #finishWithout(code: HttpFailureCode, detail: string): void {
    if (this.#answer !== undefined) {
      this.#finish({ ...this.#read(this.#answer), incomplete: { code, detail } });
    } else {
      const sentAt = this.#written ? this.#sentAt : undefined;
      this.#finish({ kind: "failure", code, detail, written: this.#written, ...defined({ sentAt }) });
    }
  }

  #read(answer: PartialAnswer): HttpAnswer {
    const { status, headers } = answer;
    return { kind: "answer", status, headers, body: answer.text(), sentAt: this.#sentAt ?? 0 };
  }

  #finish(result: HttpResult): void {
    const { pending, deadlines, slots, isOverload, onIdle } = this.#shared;
    const hadSlot = this.#phase === "dispatched";
    this.#phase = "over";
    deadlines.delete(this);
    pending.delete(this);
    this.#forgetSignal?.();
    this.#resolve(result);
    void this.#ownDispatcher?.destroy();
    if (hadSlot) {
      if (result.kind === "answer" && isOverload(result.status, result.body)) slots.overloaded(this.#epoch);
      else if (this.#answer !== undefined && this.#answer.status < 500) slots.healthy();
      slots.release();
    } else slots.withdraw(this);
    if (pending.size === 0) onIdle();
  }
}
