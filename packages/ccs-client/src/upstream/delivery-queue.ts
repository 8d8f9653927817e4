import { ChurningMap, wait } from "@cloud-messaging/core/transport";
import { Waiters } from "../waiters.ts";
import {
  type Delivery,
  type DeliveryHandler,
  type DeliveryQueueOptions,
  type DeliverySource,
  notice,
  type Task,
} from "./delivery.ts";
import { Handling } from "./handling.ts";
import { HELD_LONG_SEC, HeldWatch } from "./held-watch.ts";
import { OrderedLines } from "./ordered-lines.ts";
import { Unacknowledged } from "./unacknowledged.ts";

/** Wait before a failed delivery that was acknowledged on arrival is handled again. Unit: milliseconds. */
const RETRY_MS = 1_000;

/**
 * Queue of deliveries from CCS to the handler: ordered per key, with bounded concurrency. Each delivery is acknowledged, on the connection
 * it arrived on, after it was handled. A redelivery of a handled message is acknowledged without another call of the handler.
 */
export class DeliveryQueue<T extends Delivery> {
  readonly #options: DeliveryQueueOptions<T>;
  /** Deliveries held, by identity. */
  readonly #tasks = new ChurningMap<string, Task<T>>();
  readonly #lines = new OrderedLines<Task<T>>();
  readonly #idleWaiters = new Waiters();
  #handler: DeliveryHandler<T> | undefined;
  /** Number of handler changes. A delivery released by an earlier handler is offered to the present one. */
  #handlerChanges = 0;
  #running = 0;
  #concurrency: number;
  #closed = false;
  readonly #unacknowledged: Unacknowledged;
  readonly #handling: Handling<T>;
  readonly #watch: HeldWatch;
  /** True once the notice about the missing handler was published. */
  #toldUnhandled = false;

  constructor(options: DeliveryQueueOptions<T>) {
    this.#options = options;
    this.#concurrency = options.concurrency;
    this.#unacknowledged = new Unacknowledged(options.maxUnacknowledged ?? Number.POSITIVE_INFINITY);
    this.#handling = new Handling(options, this.#unacknowledged);
    this.#watch = new HeldWatch(
      options.clock,
      () => this.#tasks.values().next().value?.look,
      () => notice(`${options.type}-held`, this.stall ?? ""),
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
      notice(
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
      notice(`${type}-unhandled`, this.stall ?? "");
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
    this.#handling.abort(reason);
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
      // never rejects
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
    const handlerChanges = this.#handlerChanges;
    const end = await this.#handling.run(task, handler);
    if (end === "again") this.#enqueueLater(task);
    this.#finished(lineKey, task, end === "released", handlerChanges);
  }

  #enqueueLater(task: Task<T>): void {
    void wait(this.#options.clock, RETRY_MS, this.#handling.signal).then((waited) => {
      if (!waited || this.#closed || this.#tasks.has(task.key) || this.#tasks.size >= this.#options.maxQueued) return;
      this.#enqueue(task);
    });
  }
}
