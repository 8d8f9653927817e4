import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Clock } from "@cloud-messaging/core";
import {
  type CancelTimer,
  earlier,
  elapsedMs,
  LONG_AGO,
  type MonotonicInstant,
  NEVER,
  onAbort,
  plusMs,
  type Reachability,
} from "@cloud-messaging/core/transport";
import type { Deadlines, Expiring } from "./deadlines.ts";
import {
  type HttpAnswer,
  type HttpBody,
  type HttpClientOptions,
  type HttpFailureCode,
  type HttpRequest,
  type HttpResult,
  isOverloadStatus,
  takeBody,
} from "./http-client.ts";
import { textOf } from "./http-text.ts";
import type { Http2Connection } from "./http2-connection.ts";
import type { AnswerProblem, Cancellable, Http2Request } from "./http2-stream.ts";
import type { SlotHolder, Slots } from "./slots.ts";
import type { SlowdownDetector } from "./slowdown.ts";

/** Maximum number of immediate repeats of a request that provably was not processed. */
const MAX_MOVES = 5;
/** Delays before the repeats: a server that refuses is overloaded. Unit: milliseconds. */
const MOVE_DELAYS_MS = [0, 20, 80, 320, 1_000] as const;

/** Owner of exchanges: gives them headers, limits and a connection. */
export interface ExchangeOwner {
  readonly options: Pick<HttpClientOptions, "maxResponseBytes" | "origin" | "timeoutMs" | "isOverload">;
  readonly clock: Clock;
  readonly slots: Slots;
  readonly deadlines: Deadlines;
  readonly reachability: Reachability;
  readonly slowdown: SlowdownDetector;
  headersOf(request: HttpRequest): OutgoingHttpHeaders;
  /**
   * Puts a request on a connection, or in the queue for one.
   *
   * @param avoided Connection that has just refused it: used only if no other has room.
   */
  assign(exchange: Http2Exchange, avoided?: Http2Connection): void;
  /** Takes a request out of the queue. */
  withdraw(exchange: Http2Exchange): void;
  /** Forgets a request that has its result. */
  settled(exchange: Http2Exchange): void;
}

/** One request over HTTP/2 and its answer. */
export class Http2Exchange implements Expiring, SlotHolder, Http2Request {
  expiresAt: MonotonicInstant;
  readonly headers: OutgoingHttpHeaders;
  body: HttpBody | undefined;
  readonly maxResponseBytes: number;
  readonly #owner: ExchangeOwner;
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

  constructor(owner: ExchangeOwner, request: HttpRequest, resolve: (result: HttpResult) => void) {
    this.#owner = owner;
    this.#request = request;
    this.#resolve = resolve;
    this.maxResponseBytes = owner.options.maxResponseBytes;
    // the attempt's time limit begins with its turn
    this.expiresAt = request.deadline ?? NEVER;
    this.headers = owner.headersOf(request);
  }

  begin(): void {
    const { deadlines, slots, clock } = this.#owner;
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
    const { deadlines, clock, options } = this.#owner;
    this.#phase = "dispatched";
    deadlines.delete(this);
    this.expiresAt = earlier(this.expiresAt, plusMs(clock.monotonic(), options.timeoutMs));
    deadlines.add(this);
    this.#epoch = this.#owner.slots.epoch;
    this.#owner.assign(this);
  }

  start(connection: Http2Connection): void {
    const body = takeBody(this.#request, this);
    if (body === undefined) return;
    this.body = body ?? undefined;
    this.#phase = "started";
    this.#sentAt = this.#owner.clock.now();
    this.#startedAt = this.#owner.clock.monotonic();
    this.#connection = connection;
    this.#stream = connection.request(this);
  }

  expire(): void {
    const { reachability, options } = this.#owner;
    const detail = this.#phase === "started" ? "no answer in time" : `no connection to ${options.origin} in time`;
    if (this.#phase === "dispatched") reachability.failed("timeout", detail);
    this.end("timeout", detail);
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
    const { slots, slowdown, clock, options } = this.#owner;
    const { isOverload = isOverloadStatus } = options;
    const text = textOf(body);
    if (isOverload(status, text)) slots.overloaded(this.#epoch);
    else if (slowdown.observe(elapsedMs(clock, this.#startedAt))) slots.overloaded(this.#epoch);
    else if (status >= 200 && status < 500) slots.healthy();
    const answer: HttpAnswer = { kind: "answer", status, headers, body: text, sentAt: this.#sentAt };
    this.#finish(problem === undefined ? answer : { ...answer, incomplete: problem });
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
    if (delayMs === 0) this.#owner.assign(this, refusing);
    else this.#cancelMove = this.#owner.clock.schedule(delayMs, () => this.#owner.assign(this, refusing));
  }

  onLost(reason: string): void {
    if (this.#phase === "over") return;
    this.#fail("connection-lost", reason, true);
  }

  #fail(code: HttpFailureCode, detail: string, written: boolean): void {
    this.#finish({ kind: "failure", code, detail, written, ...(written ? { sentAt: this.#sentAt } : {}) });
  }

  #finish(result: HttpResult): void {
    const { deadlines, slots } = this.#owner;
    const hadSlot = this.#phase !== "waiting";
    this.#phase = "over";
    deadlines.delete(this);
    this.#owner.withdraw(this);
    this.#forgetSignal?.();
    this.#cancelMove?.();
    this.#resolve(result);
    if (hadSlot) slots.release();
    else slots.withdraw(this);
    this.#owner.settled(this);
  }
}
