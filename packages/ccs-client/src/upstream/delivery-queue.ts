import type { Clock, MaybePromise } from "@cloud-messaging/core";
import { nameOfError, publish, RecentMap, wait } from "@cloud-messaging/core/transport";
import { ChurningMap } from "../churning-map.ts";
import { Waiters } from "../waiters.ts";
import type { HandledMessages } from "./handled-messages.ts";
import { HELD_LONG_SEC, HeldWatch } from "./held-watch.ts";
import { Unacknowledged } from "./unacknowledged.ts";
import type { DeliveryContext } from "./upstream.ts";

/** Where something came from, and where alone it can be acknowledged. */
export interface DeliverySource {
  readonly id: number;
  /** Its connection has ended: nothing can be acknowledged on it any more. */
  readonly ended: boolean;
  /** `false` when the connection has ended. */
  acknowledge(to: string, messageId: string): boolean;
}

/** What an inbox needs to know about its items. */
export interface InboxItem {
  readonly from: string;
  readonly messageId: string;
}

/** How an inbox works. */
export interface InboxOptions<T extends InboxItem> {
  readonly type: "upstream" | "receipt";
  /** What makes an item this one and no other: the same again is a redelivery. */
  identity(item: T): string;
  /** Items with the same key are handled one after the other. */
  orderKey(item: T): string;
  readonly concurrency: number;
  readonly maxTries: number;
  readonly maxQueued: number;
  readonly handled: HandledMessages;
  readonly clock: Clock;
  /**
   * Deliveries of one connection that may be unacknowledged; those beyond are acknowledged as they come and handled from memory. For what
   * may be lost with the process rather than keep anything else from being delivered. Default: no limit.
   */
  readonly maxUnacknowledged?: number;
  /** Tells items that were handled by nobody in particular, for the event. Default: none. */
  untaken?(item: T): boolean;
  /** Keeps what was given up. */
  giveUp(item: T, tries: number, error: unknown): Promise<void>;
}

/** Handles one item; its failure leaves the item unacknowledged. */
export type ItemHandler<T> = (item: T, context: DeliveryContext) => MaybePromise<void>;

/** Thrown by a handler that does not want its item: it was no try, and the item is kept until somebody else handles. */
export class NotTaken extends Error {}

interface Task<T> {
  readonly item: T;
  readonly key: string;
  readonly receivedAt: number;
  /** The connection it came on first. */
  readonly connectionId: number;
  /** The connections it was delivered on; each gets its own acknowledgement. */
  sources: DeliverySource[];
  started: boolean;
  /** Of the handler, this one included; 0 before it has seen it. */
  tries: number;
  /** Acknowledged before it was handled: CCS will not deliver it again. */
  early: boolean;
  /** Count of looks at what is held, when it came. */
  readonly look: number;
}

type Result = "handled" | "untaken" | "duplicate" | "failed" | "given-up";

/** Wait before what was acknowledged early is tried again after a failure. Unit: milliseconds. */
const RETRY_MS = 1_000;

/** How many failing messages are remembered with their number of tries. */
const MAX_REMEMBERED_FAILURES = 10_000;

/**
 * Takes what CCS delivers to the handler: in order per device, so many at once, each acknowledged on the connection it came on once
 * it was handled, and handled once however often it is delivered.
 */
export class Inbox<T extends InboxItem> {
  readonly #options: InboxOptions<T>;
  readonly #tasks = new ChurningMap<Task<T>>();
  /** Tasks of one order key behind each other; the first one is running or ready. */
  readonly #lines = new ChurningMap<Task<T>[]>();
  /** Keys of lines whose first task may run, the longest waiting first. */
  #ready: string[] = [];
  /** Keys of lines whose first task was not taken: they are ready again when the handler changes. */
  readonly #parked = new Set<string>();
  readonly #tries = new RecentMap<string, number>(MAX_REMEMBERED_FAILURES);
  #anyFailed = false;
  readonly #closing = new AbortController();
  readonly #idleWaiters = new Waiters();
  #handler: ItemHandler<T> | undefined;
  /** Counts changes of the handler: what was not taken before the latest one is offered again. */
  #handlerChanges = 0;
  #running = 0;
  #concurrency: number;
  #closed = false;
  readonly #unacknowledged: Unacknowledged;
  readonly #watch: HeldWatch;
  #toldUnhandled = false;

  constructor(options: InboxOptions<T>) {
    this.#options = options;
    this.#concurrency = options.concurrency;
    this.#unacknowledged = new Unacknowledged(options.maxUnacknowledged ?? Number.POSITIVE_INFINITY);
    this.#watch = new HeldWatch(
      options.clock,
      () => this.#tasks.values().next().value?.look,
      () => this.#notice(`${options.type}-held`, this.trouble ?? ""),
    );
  }

  /** Deliveries that are being handled. */
  get running(): number {
    return this.#running;
  }

  get handler(): ItemHandler<T> | undefined {
    return this.#handler;
  }

  /** What is held unacknowledged and keeps CCS from delivering more, in words; `undefined` while nothing is that should not be. */
  get trouble(): string | undefined {
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

  /** Sets who handles items, and how many at once; without a handler, items are held and nothing is acknowledged. */
  handleWith(handler: ItemHandler<T> | undefined, concurrency: number = this.#options.concurrency): void {
    this.#handler = handler;
    this.#handlerChanges++;
    this.#toldUnhandled = false;
    this.#concurrency = concurrency;
    this.#ready.push(...this.#parked);
    this.#parked.clear();
    this.#run();
  }

  /** Sets how many may be handled at once, from now on. */
  limit(concurrency: number): void {
    this.#concurrency = concurrency;
    this.#run();
  }

  /** Takes a delivery. */
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
    const sources = early ? [] : [source];
    const receivedAt = clock.now();
    const task: Task<T> = {
      item,
      key,
      receivedAt,
      connectionId: source.id,
      sources,
      started: false,
      tries: 0,
      early,
      look: this.#watch.begin(),
    };
    this.#tasks.set(key, task);
    this.#lineUp(task);
    if (this.#handler === undefined && !this.#toldUnhandled) {
      this.#toldUnhandled = true;
      this.#notice(`${type}-unhandled`, this.trouble ?? "");
    }
  }

  #lineUp(task: Task<T>): void {
    const lineKey = this.#options.orderKey(task.item);
    const line = this.#lines.get(lineKey);
    if (line === undefined) {
      this.#lines.set(lineKey, [task]);
      this.#ready.push(lineKey);
      this.#run();
    } else line.push(task);
  }

  /** Resolves when nothing is being handled and nothing can be, and when the signal aborts. */
  idle(signal: AbortSignal | undefined): Promise<void> {
    return this.#isIdle() ? Promise.resolve() : this.#idleWaiters.wait(signal);
  }

  /**
   * Takes nothing more and forgets what has not been started, since CCS delivers it again; what was acknowledged early is still handled.
   * What runs may still be acknowledged.
   */
  stop(): void {
    this.#closed = true;
    this.#watch.stop();
    this.#parked.clear();
    this.#keep(({ early }) => early);
    this.#tellIdle();
  }

  /** Tells handlers that nobody waits for them any more. */
  abort(reason: Error): void {
    this.#closing.abort(reason);
  }

  /** A connection has ended: forgets what waits and came on ended ones alone, since CCS delivers it again. */
  connectionEnded(): void {
    this.#keep(({ early, sources }) => early || sources.some(({ ended }) => !ended));
  }

  /** Forgets what waits and is not to be kept. */
  #keep(wanted: (task: Task<T>) => boolean): void {
    for (const [lineKey, line] of [...this.#lines.entries()]) {
      const kept = line.filter((task) => {
        const keep = task.started || wanted(task);
        if (!keep) this.#tasks.delete(task.key);
        return keep;
      });
      if (kept.length > 0) this.#lines.set(lineKey, kept);
      else {
        this.#lines.delete(lineKey);
        this.#parked.delete(lineKey);
      }
    }
    this.#ready = this.#ready.filter((lineKey) => this.#lines.has(lineKey));
  }

  #isIdle(): boolean {
    return this.#running === 0 && (this.#handler === undefined || this.#ready.length === 0);
  }

  #tellIdle(): void {
    if (this.#isIdle()) this.#idleWaiters.wake();
  }

  #run(): void {
    while (this.#ready.length > 0 && this.#handler !== undefined && this.#running < this.#concurrency) {
      const lineKey = this.#ready.shift() as string;
      const task = this.#lines.get(lineKey)?.[0];
      if (task === undefined) continue;
      this.#running++;
      task.started = true;
      // settles in every case: it catches what handlers and stores throw
      void this.#process(lineKey, task, this.#handler);
    }
  }

  #finished(lineKey: string, task: Task<T>, taken: boolean, handlerChanges: number): void {
    this.#running--;
    task.started = false;
    // after the end nobody takes it any more
    const done = taken || this.#closed;
    if (done) this.#tasks.delete(task.key);
    const line = this.#lines.get(lineKey);
    if (line !== undefined && !done) {
      if (handlerChanges === this.#handlerChanges) this.#parked.add(lineKey);
      // it has waited longest
      else this.#ready.unshift(lineKey);
    } else if (line !== undefined) {
      line.shift();
      if (line.length === 0) this.#lines.delete(lineKey);
      else this.#ready.push(lineKey);
    }
    this.#run();
    this.#tellIdle();
  }

  async #process(lineKey: string, task: Task<T>, handler: ItemHandler<T>): Promise<void> {
    let taken = true;
    const handlerChanges = this.#handlerChanges;
    try {
      // its connection is gone before anybody looked at it: CCS delivers it again, here or to another app server
      if (task.early || task.sources.some(({ ended }) => !ended)) await this.#handle(task, handler);
    } catch (error) {
      if (error instanceof NotTaken) taken = false;
      else await this.#failed(task, error);
    }
    this.#finished(lineKey, task, taken, handlerChanges);
  }

  /** Throws what the handler throws, and what the store throws when it is asked. */
  async #handle(task: Task<T>, handler: ItemHandler<T>): Promise<void> {
    // a store in memory need not make anybody wait
    const known = this.#options.handled.has(task.key);
    if (typeof known === "boolean" ? known : await known) {
      this.#acknowledge(task, "duplicate");
      return;
    }
    // asked for too long: nobody waits for handlers any more
    if (this.#closing.signal.aborted) throw new NotTaken();
    task.tries = this.#anyFailed ? (this.#tries.get(task.key) ?? 0) + 1 : 1;
    const context = {
      connectionId: task.connectionId,
      tries: task.tries,
      receivedAt: task.receivedAt,
      signal: this.#closing.signal,
    };
    const handled = handler(task.item, context);
    if (handled !== undefined) await handled;
    if (task.tries > 1) this.#tries.delete(task.key);
    const remembered = this.#remember(task.key);
    if (remembered !== undefined) await remembered;
    this.#acknowledge(task, this.#options.untaken?.(task.item) === true ? "untaken" : "handled");
  }

  async #failed(task: Task<T>, error: unknown): Promise<void> {
    const { key, item, tries } = task;
    // cut short by close(), which says nothing about the message
    if (this.#closing.signal.aborted) {
      this.#publish(task, "failed");
      return;
    }
    // 0: the store could not say whether it had been handled, so the handler has not seen it
    if (tries > 0) {
      this.#anyFailed = true;
      this.#tries.set(key, tries);
    }
    if (tries < this.#options.maxTries) {
      this.#failedOnce(task);
      return;
    }
    try {
      await this.#options.giveUp(item, tries, error);
    } catch {
      // nobody has taken it over, so it must not be lost here
      this.#failedOnce(task);
      return;
    }
    this.#tries.delete(key);
    const remembered = this.#remember(key);
    if (remembered !== undefined) await remembered;
    this.#acknowledge(task, "given-up");
  }

  /** What CCS keeps comes again from there; what it keeps no more is tried again from here. */
  #failedOnce(task: Task<T>): void {
    this.#publish(task, "failed");
    if (!task.early) return;
    void wait(this.#options.clock, RETRY_MS, this.#closing.signal).then((waited) => {
      if (!waited || this.#closed || this.#tasks.has(task.key) || this.#tasks.size >= this.#options.maxQueued) return;
      this.#tasks.set(task.key, task);
      this.#lineUp(task);
    });
  }

  /** A store that fails costs a second handling at worst, never the acknowledgement of what was handled. */
  #remember(storeKey: string): Promise<void> | undefined {
    const failed = (error: unknown): void => this.#notice("handled-messages-failed", nameOfError(error));
    try {
      const added = this.#options.handled.add(storeKey);
      // not every promise is one of Node's, and some do nothing until they are awaited
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
