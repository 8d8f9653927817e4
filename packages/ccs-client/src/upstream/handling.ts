import { nameOfError, publish, RecentMap } from "@cloud-messaging/core/transport";
import {
  type Delivery,
  type DeliveryHandler,
  type DeliveryQueueOptions,
  notice,
  ReleasedError,
  type Task,
} from "./delivery.ts";
import type { DeliveryContext } from "./handlers.ts";
import { tracedDelivery } from "./traced-delivery.ts";
import type { Unacknowledged } from "./unacknowledged.ts";

/** Maximum number of failing messages whose attempts are counted. */
const MAX_REMEMBERED_FAILURES = 10_000;

type Result = "handled" | "discarded" | "duplicate" | "failed" | "dead-lettered";

/** End of a call. `released`: the delivery waits for the next handler. `again`: it has failed, and CCS does not redeliver it. */
export type HandlingEnd = "done" | "released" | "again";

/**
 * Handling of single deliveries: asks whether one was handled before, calls the handler, counts failures, stores dead letters, and
 * acknowledges on the connections that it arrived on.
 */
export class Handling<T extends Delivery> {
  readonly #options: DeliveryQueueOptions<T>;
  readonly #unacknowledged: Unacknowledged;
  readonly #closing = new AbortController();
  /** Attempts of deliveries that have failed, by identity. */
  readonly #attempts = new RecentMap<string, number>(MAX_REMEMBERED_FAILURES);
  #anyFailed = false;

  constructor(options: DeliveryQueueOptions<T>, unacknowledged: Unacknowledged) {
    this.#options = options;
    this.#unacknowledged = unacknowledged;
  }

  /** Signal of the handlers. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Aborts the signal of every handler call. */
  abort(reason: Error): void {
    this.#closing.abort(reason);
  }

  /** Handles a delivery. Never rejects: what handlers and stores throw is caught. */
  async run(task: Task<T>, handler: DeliveryHandler<T>): Promise<HandlingEnd> {
    // not if every connection has ended meanwhile: CCS redelivers it, to this app server or another
    if (!task.early && !task.sources.some(({ ended }) => !ended)) return "done";
    try {
      await tracedDelivery(task, this.#options.type, () => this.#handle(task, handler));
      return "done";
    } catch (error) {
      return error instanceof ReleasedError ? "released" : this.#failed(task, error);
    }
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

  async #failed(task: Task<T>, error: unknown): Promise<HandlingEnd> {
    const { key, item, attempts } = task;
    // aborted by close(): says nothing about the message
    if (this.#closing.signal.aborted) {
      this.#publish(task, "failed");
      return "done";
    }
    // 0: the store of handled messages failed before the handler was called
    if (attempts > 0) {
      this.#anyFailed = true;
      this.#attempts.set(key, attempts);
    }
    if (attempts < this.#options.maxDeliveryAttempts) return this.#failedOnce(task);
    try {
      await this.#options.deadLetter(item, attempts, error);
    } catch {
      // not stored anywhere, so it must not be acknowledged
      return this.#failedOnce(task);
    }
    this.#attempts.delete(key);
    const remembered = this.#remember(key);
    if (remembered !== undefined) await remembered;
    this.#acknowledge(task, "dead-lettered");
    return "done";
  }

  /** Leaves a failed delivery to CCS to redeliver; one that was acknowledged on arrival has to be handled again from here. */
  #failedOnce(task: Task<T>): HandlingEnd {
    this.#publish(task, "failed");
    return task.early ? "again" : "done";
  }

  /** Records the delivery as handled. A failure of the store is published and does not prevent the acknowledgement. */
  #remember(key: string): Promise<void> | undefined {
    const failed = (error: unknown): void => notice("handled-messages-failed", nameOfError(error));
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
}
