import { ClosedError, type UpstreamMessage } from "@cloud-messaging/core";
import { ReleasedError } from "./delivery.ts";
import type { DeliveryQueue } from "./delivery-queue.ts";

/** A message passed to an iterator. */
interface Handed {
  readonly message: UpstreamMessage;
  /** Called when the iterator asks for the next message: this one is handled. */
  done(): void;
  /** Called when the iterator ends before that: the message goes to another iterator or handler. */
  release(): void;
}

/** Async iterators over upstream messages. */
export interface UpstreamIterable {
  /** True while there is an iterator that has not ended. */
  readonly active: boolean;
  create(): AsyncIterableIterator<UpstreamMessage>;
  /** Ends every iterator. */
  close(): void;
}

/**
 * Creates async iterators over a delivery queue. A message passed to an iterator counts as handled when the iterator asks for the next
 * one; the iterators share the messages.
 */
export function createUpstreamIterable(queue: DeliveryQueue<UpstreamMessage>): UpstreamIterable {
  const loops = new Set<Loop>();
  /** Iterators waiting for a message, longest waiting first. */
  const waiting: Loop[] = [];
  /** Messages waiting for an iterator. */
  const ready: Handed[] = [];
  let closed = false;

  const handler = (message: UpstreamMessage): Promise<void> =>
    new Promise((resolve, reject) => {
      const handed: Handed = { message, done: resolve, release: () => reject(new ReleasedError()) };
      const loop = waiting.shift();
      if (loop === undefined) ready.push(handed);
      else loop.serve(handed);
    });

  /** Concurrency of the queue: one per message asked for, and at least one per iterator as a prefetch. */
  function concurrency(): number {
    let messages = 0;
    for (const { asked } of loops) messages += Math.max(1, asked);
    return Math.max(1, messages);
  }

  function loopsChanged(): void {
    queue.handleWith(loops.size === 0 ? undefined : handler, concurrency());
    if (loops.size === 0) for (const handed of ready.splice(0)) handed.release();
  }

  class Loop implements AsyncIterableIterator<UpstreamMessage> {
    /** Messages passed on and not handled, oldest first: several if several were asked for at once. */
    readonly #held: Handed[] = [];
    #waiting: ((result: IteratorResult<UpstreamMessage>) => void)[] = [];

    /** Number of messages asked for and not handled, those still to come included. */
    get asked(): number {
      return this.#held.length + this.#waiting.length;
    }

    serve(handed: Handed): void {
      const resolve = this.#waiting.shift();
      if (resolve === undefined) {
        handed.release();
        return;
      }
      this.#held.push(handed);
      resolve({ value: handed.message, done: false });
    }

    next(): Promise<IteratorResult<UpstreamMessage>> {
      this.#held.shift()?.done();
      if (closed || !loops.has(this)) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve) => {
        this.#waiting.push(resolve);
        const handed = ready.shift();
        if (handed === undefined) waiting.push(this);
        else this.serve(handed);
        queue.limit(concurrency());
      });
    }

    return(): Promise<IteratorResult<UpstreamMessage>> {
      this.end();
      for (const handed of this.#held.splice(0)) handed.release();
      return Promise.resolve({ value: undefined, done: true });
    }

    /** Ends the iterator; messages that it holds remain with it. */
    end(): void {
      if (!loops.delete(this)) return;
      for (const resolve of this.#waiting.splice(0)) {
        waiting.splice(waiting.indexOf(this), 1);
        resolve({ value: undefined, done: true });
      }
      loopsChanged();
    }

    [Symbol.asyncIterator](): this {
      return this;
    }
  }

  return {
    get active() {
      return loops.size > 0;
    },
    create() {
      if (closed) throw new ClosedError("The CCS client");
      const loop = new Loop();
      loops.add(loop);
      loopsChanged();
      return loop;
    },
    close() {
      closed = true;
      for (const loop of [...loops]) loop.end();
    },
  };
}
