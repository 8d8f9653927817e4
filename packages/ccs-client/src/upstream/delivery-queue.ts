import type { Clock } from "@cloud-messaging/core";
import { ChurningMap, type MaybePromise, nameOfError, publish, RecentMap, wait } from "@cloud-messaging/core/transport";
import { Waiters } from "../waiters.ts";
import type { HandledMessages } from "./handled-messages.ts";
import type { DeliveryContext } from "./handlers.ts";
import { HELD_LONG_SEC, HeldWatch } from "./held-watch.ts";
import { OrderedLines } from "./ordered-lines.ts";
import { tracedDelivery } from "./traced-delivery.ts";
import { Unacknowledged } from "./unacknowledged.ts";

/** Connection that deliveries arrive on. A delivery can be acknowledged on its own connection only. */
export interface DeliverySource {
  readonly id: number;
  /** True once nothing can be acknowledged on the connection any more. */
  readonly ended: boolean;
  /** Writes an ack; returns `false` if the connection has ended. */
  acknowledge(to: string, messageId: string): boolean;
}

/** Fields that an acknowledgement needs. */
export interface Delivery {
  readonly from: string;
  readonly messageId: string;
}

/** Settings of a delivery queue. */
export interface DeliveryQueueOptions<T extends Delivery> {
  readonly type: "upstream" | "receipt";
  /** Returns the identity of a delivery: two deliveries with the same one are the same message. */
  identity(item: T): string;
  /** Returns the ordering key: deliveries with the same key are handled one after the other. */
  orderKey(item: T): string;
  /** Maximum number of handler calls at once. */
  readonly concurrency: number;
  readonly maxDeliveryAttempts: number;
  /** Maximum number of deliveries held. */
  readonly maxQueued: number;
  readonly handled: HandledMessages;
  readonly clock: Clock;
  /** Maximum number of unacknowledged deliveries per connection; those beyond it are acknowledged on arrival. Default: no limit. */
  readonly maxUnacknowledged?: number;
  /** True for a delivery that was acknowledged although nothing took it; its event says `discarded`. Default: never. */
  isDiscarded?(item: T): boolean;
  /** Stores a dead letter. */
  deadLetter(item: T, deliveryAttempts: number, error: unknown): Promise<void>;
}

/** Handles one delivery; a failure leaves it unacknowledged. */
export type DeliveryHandler<T> = (item: T, context: DeliveryContext) => MaybePromise<void>;

/** Thrown by a handler that returns its delivery unhandled. Not counted as an attempt; the delivery waits for the next handler. */
export class ReleasedError extends Error {}

interface Task<T> {
  readonly item: T;
  readonly key: string;
  readonly receivedAt: number;
  /** ID of the connection it first arrived on. */
  readonly connectionId: number;
  /** Connections it arrived on; each needs its own acknowledgement. */
  sources: DeliverySource[];
  running: boolean;
  /** Calls of the handler, the present one included. 0: none yet. */
  attempts: number;
  /** Acknowledged on arrival: CCS does not redeliver it. */
  early: boolean;
  /** Look of the `HeldWatch` at the time of arrival. */
  readonly look: number;
}

type Result = "handled" | "discarded" | "duplicate" | "failed" | "dead-lettered";

/** Wait before a failed delivery that was acknowledged on arrival is handled again. Unit: milliseconds. */
const RETRY_MS = 1_000;

/** Maximum number of failing messages whose attempts are counted. */
const MAX_REMEMBERED_FAILURES = 10_000;

/**
 * Queue of deliveries from CCS to the handler: ordered per key, with bounded concurrency. Each delivery is acknowledged, on the connection
 * it arrived on, after it was handled. A redelivery of a handled message is acknowledged without another call of the handler.
 */
export class DeliveryQueue<T extends Delivery> {
  readonly #options: DeliveryQueueOptions<T>;
  /** Deliveries held, by identity. */
  readonly #tasks = new ChurningMap<string, Task<T>>();
  readonly #lines = new OrderedLines<Task<T>>();
  /** Attempts of deliveries that have failed, by identity. */
  readonly #attempts = new RecentMap<string, number>(MAX_REMEMBERED_FAILURES);
  #anyFailed = false;
  readonly #closing = new AbortController();
  readonly #idleWaiters = new Waiters();
  #handler: DeliveryHandler<T> | undefined;
  /** Number of handler changes. A delivery released by an earlier handler is offered to the present one. */
  #handlerChanges = 0;
  #running = 0;
  #concurrency: number;
  #closed = false;
  readonly #unacknowledged: Unacknowledged;
  readonly #watch: HeldWatch;
  /** True once the notice about the missing handler was published. */
  #toldUnhandled = false;

  constructor(options: DeliveryQueueOptions<T>) {
    this.#options = options;
    this.#concurrency = options.concurrency;
    this.#unacknowledged = new Unacknowledged(options.maxUnacknowledged ?? Number.POSITIVE_INFINITY);
    this.#watch = new HeldWatch(
      options.clock,
      () => this.#tasks.values().next().value?.look,
      () => this.#notice(`${options.type}-held`, this.stall ?? ""),
    );
  }

  /** Number of handler calls under way. */
  get running(): number {
    return this.#running;
  }

  get handler(): DeliveryHandler<T> | undefined {
    return this.#handler;
  }

  /** Description of unacknowledged deliveries that make CCS stop delivering; `undefined` if there are none. */
  get stall(): string | undefined {
    const { size } = this.#tasks;
    if (size === 0) return undefined;
    const { type } = this.#options;
    const name = type === "upstream" ? "upstream message" : "delivery receipt";
    const many = size === 1 ? `1 ${name} is` : `${size} ${name}s are`;
    if (this.#handler === undefined) {
      return `${many} kept unacknowledged, since there is no handler: CCS soon delivers nothing more, neither messages nor delivery receipts. Set one with onUpstream(), or loop over upstream()`;
    }
    if (!this.#watch.heldForLong) return undefined;
    return `${many} unacknowledged, the oldest for more than ${HELD_LONG_SEC} s: CCS soon delivers nothing more, neither messages nor delivery receipts. Look at what the handler waits for`;
  }

  /** Sets the handler and its concurrency. Without a handler, deliveries are held unacknowledged. */
  handleWith(handler: DeliveryHandler<T> | undefined, concurrency: number = this.#options.concurrency): void {
    this.#handler = handler;
    this.#handlerChanges++;
    this.#toldUnhandled = false;
    this.#concurrency = concurrency;
    this.#lines.unpark();
    this.#run();
  }

  /** Sets the maximum number of handler calls at once. */
  limit(concurrency: number): void {
    this.#concurrency = concurrency;
    this.#run();
  }

  /** Accepts a delivery. */
  deliver(item: T, source: DeliverySource): void {
    if (this.#closed) return;
    const { type, maxQueued, identity, clock } = this.#options;
    const key = `${type}\n${identity(item)}`;
    const known = this.#tasks.get(key);
    const early = !this.#unacknowledged.hold(source, key);
    if (early) source.acknowledge(item.from, item.messageId);
    if (known !== undefined) {
      known.early ||= early;
      known.sources = known.sources.filter((other) => other !== source && !other.ended);
      if (!early) known.sources.push(source);
      return;
    }
    if (this.#tasks.size >= maxQueued) {
      this.#notice(
        `${type}-queue-full`,
        early
          ? `${maxQueued} receipts wait for their handler: one more was acknowledged and not kept`
          : `${maxQueued} deliveries wait for their handler: one was left for CCS to repeat`,
      );
      return;
    }
    const task: Task<T> = {
      item,
      key,
      receivedAt: clock.now(),
      connectionId: source.id,
      sources: early ? [] : [source],
      running: false,
      attempts: 0,
      early,
      look: this.#watch.begin(),
    };
    this.#enqueue(task);
    if (this.#handler === undefined && !this.#toldUnhandled) {
      this.#toldUnhandled = true;
      this.#notice(`${type}-unhandled`, this.stall ?? "");
    }
  }

  #enqueue(task: Task<T>): void {
    this.#tasks.set(task.key, task);
    this.#lines.add(this.#options.orderKey(task.item), task);
    this.#run();
  }

  /** Resolves when no handler call is under way or due, and when the signal aborts. */
  idle(signal: AbortSignal | undefined): Promise<void> {
    return this.#isIdle() ? Promise.resolve() : this.#idleWaiters.wait(signal);
  }

  /**
   * Stops accepting deliveries and drops those that have not been started, since CCS redelivers them; those acknowledged on arrival are
   * still handled. Deliveries being handled can still be acknowledged.
   */
  stop(): void {
    this.#closed = true;
    this.#watch.stop();
    this.#lines.unpark();
    this.#retain(({ early }) => early);
    this.#tellIdle();
  }

  /** Aborts the signal of every handler call. */
  abort(reason: Error): void {
    this.#closing.abort(reason);
  }

  /** Drops waiting deliveries whose connections have all ended, since CCS redelivers them. */
  connectionEnded(): void {
    this.#retain(({ early, sources }) => early || sources.some(({ ended }) => !ended));
  }

  #retain(accepts: (task: Task<T>) => boolean): void {
    this.#lines.retain((task) => {
      const keep = task.running || accepts(task);
      if (!keep) this.#tasks.delete(task.key);
      return keep;
    });
  }

  #isIdle(): boolean {
    return this.#running === 0 && (this.#handler === undefined || !this.#lines.hasReady);
  }

  #tellIdle(): void {
    if (this.#isIdle()) this.#idleWaiters.wake();
  }

  #run(): void {
    while (this.#lines.hasReady && this.#handler !== undefined && this.#running < this.#concurrency) {
      const started = this.#lines.start();
      if (started === undefined) continue;
      this.#running++;
      started.item.running = true;
      // never rejects: it catches what handlers and stores throw
      void this.#process(started.key, started.item, this.#handler);
    }
  }

  #finished(lineKey: string, task: Task<T>, released: boolean, handlerChanges: number): void {
    this.#running--;
    task.running = false;
    // after close() there is no next handler to wait for
    if (!released || this.#closed) {
      this.#tasks.delete(task.key);
      this.#lines.finish(lineKey);
    } else if (handlerChanges === this.#handlerChanges) this.#lines.park(lineKey);
    else this.#lines.restart(lineKey);
    this.#run();
    this.#tellIdle();
  }

  async #process(lineKey: string, task: Task<T>, handler: DeliveryHandler<T>): Promise<void> {
    let released = false;
    const handlerChanges = this.#handlerChanges;
    try {
      // not if every connection has ended meanwhile: CCS redelivers it, to this app server or another
      if (task.early || task.sources.some(({ ended }) => !ended)) {
        await tracedDelivery(task, this.#options.type, () => this.#handle(task, handler));
      }
    } catch (error) {
      if (error instanceof ReleasedError) released = true;
      else await this.#failed(task, error);
    }
    this.#finished(lineKey, task, released, handlerChanges);
  }

  /**
   * Resolves `false` for a repeat of a handled message. Rejects with the error of the handler, or of the store of handled messages when it
   * is asked.
   */
  async #handle(task: Task<T>, handler: DeliveryHandler<T>): Promise<boolean> {
    // awaited only if it is a promise: a store in memory costs no turn of the microtask queue
    const answer = this.#options.handled.has(task.key);
    const known: boolean = typeof answer === "boolean" ? answer : await answer;
    if (known) {
      this.#acknowledge(task, "duplicate");
      return false;
    }
    // the store answered after close() had stopped waiting for handlers
    if (this.#closing.signal.aborted) throw new ReleasedError();
    task.attempts = this.#anyFailed ? (this.#attempts.get(task.key) ?? 0) + 1 : 1;
    const context: DeliveryContext = {
      connectionId: task.connectionId,
      deliveryAttempt: task.attempts,
      receivedAt: task.receivedAt,
      signal: this.#closing.signal,
    };
    const handled = handler(task.item, context);
    if (handled !== undefined) await handled;
    if (task.attempts > 1) this.#attempts.delete(task.key);
    const remembered = this.#remember(task.key);
    if (remembered !== undefined) await remembered;
    this.#acknowledge(task, this.#options.isDiscarded?.(task.item) === true ? "discarded" : "handled");
    return true;
  }

  async #failed(task: Task<T>, error: unknown): Promise<void> {
    const { key, item, attempts } = task;
    // aborted by close(): says nothing about the message
    if (this.#closing.signal.aborted) {
      this.#publish(task, "failed");
      return;
    }
    // 0: the store of handled messages failed before the handler was called
    if (attempts > 0) {
      this.#anyFailed = true;
      this.#attempts.set(key, attempts);
    }
    if (attempts < this.#options.maxDeliveryAttempts) {
      this.#failedOnce(task);
      return;
    }
    try {
      await this.#options.deadLetter(item, attempts, error);
    } catch {
      // not stored anywhere, so it must not be acknowledged
      this.#failedOnce(task);
      return;
    }
    this.#attempts.delete(key);
    const remembered = this.#remember(key);
    if (remembered !== undefined) await remembered;
    this.#acknowledge(task, "dead-lettered");
  }

  /** Leaves a failed delivery to CCS to redeliver; one that was acknowledged on arrival is handled again from here. */
  #failedOnce(task: Task<T>): void {
    this.#publish(task, "failed");
    if (!task.early) return;
    void wait(this.#options.clock, RETRY_MS, this.#closing.signal).then((waited) => {
      if (!waited || this.#closed || this.#tasks.has(task.key) || this.#tasks.size >= this.#options.maxQueued) return;
      this.#enqueue(task);
    });
  }

  /** Records the delivery as handled. A failure of the store is published and does not prevent the acknowledgement. */
  #remember(key: string): Promise<void> | undefined {
    const failed = (error: unknown): void => this.#notice("handled-messages-failed", nameOfError(error));
    try {
      const added = this.#options.handled.add(key);
      // a thenable need not be a promise, and a lazy one starts when it is awaited
      return added === undefined ? undefined : Promise.resolve(added).catch(failed);
    } catch (error) {
      failed(error);
      return undefined;
    }
  }

  #acknowledge(task: Task<T>, result: Result): void {
    for (const source of task.sources) {
      source.acknowledge(task.item.from, task.item.messageId);
      this.#unacknowledged.release(source, task.key);
    }
    this.#publish(task, result);
  }

  #publish(task: Task<T>, result: Result): void {
    publish("cloud-messaging:ccs-upstream", () => ({
      connectionId: task.connectionId,
      type: this.#options.type,
      messageId: task.item.messageId,
      result,
    }));
  }

  #notice(notice: string, detail: string): void {
    publish("cloud-messaging:notice", () => ({ transport: "ccs", notice, detail }));
  }
}
