import { ClosedError, type UpstreamMessage } from "@cloud-messaging/core";
import { type Inbox, NotTaken } from "./delivery-queue.ts";

/** A message in the hands of a loop. */
interface Handed {
  readonly message: UpstreamMessage;
  /** The loop has asked for the next one. */
  done(): void;
  /** The loop has ended without. */
  notTaken(): void;
}

/** Upstream messages as something to loop over. */
export interface UpstreamIterable {
  /** Somebody loops. */
  readonly active: boolean;
  create(): AsyncIterableIterator<UpstreamMessage>;
  /** Ends every loop. */
  close(): void;
}

/** The handler of an inbox, turned inside out: each loop holds what it has asked for, and asking for more is what handles the oldest. */
export function createUpstreamIterable(inbox: Inbox<UpstreamMessage>): UpstreamIterable {
  const loops = new Set<Loop>();
  /** Loops that wait for a message, longest first, and messages that wait for a loop. */
  const hungry: Loop[] = [];
  const served: Handed[] = [];
  let closed = false;

  const handler = (message: UpstreamMessage): Promise<void> =>
    new Promise((resolve, reject) => {
      const handed: Handed = { message, done: resolve, notTaken: () => reject(new NotTaken()) };
      const loop = hungry.shift();
      if (loop === undefined) served.push(handed);
      else loop.serve(handed);
    });

  /** As many messages are in hand as were asked for, and one more is at hand for each loop that asks for none. */
  function concurrency(): number {
    let messages = 0;
    for (const { asked } of loops) messages += Math.max(1, asked);
    return Math.max(1, messages);
  }

  function loopsChanged(): void {
    inbox.handleWith(loops.size === 0 ? undefined : handler, concurrency());
    if (loops.size === 0) for (const handed of served.splice(0)) handed.notTaken();
  }

  class Loop implements AsyncIterableIterator<UpstreamMessage> {
    /** Messages in its hands, oldest first: several when several were asked for at once. */
    readonly #held: Handed[] = [];
    #waiting: ((result: IteratorResult<UpstreamMessage>) => void)[] = [];

    /** Messages asked for and not settled: in its hands, or still to come. */
    get asked(): number {
      return this.#held.length + this.#waiting.length;
    }

    serve(handed: Handed): void {
      const resolve = this.#waiting.shift();
      if (resolve === undefined) {
        handed.notTaken();
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
        const handed = served.shift();
        if (handed === undefined) hungry.push(this);
        else this.serve(handed);
        inbox.limit(concurrency());
      });
    }

    return(): Promise<IteratorResult<UpstreamMessage>> {
      this.end();
      for (const handed of this.#held.splice(0)) handed.notTaken();
      return Promise.resolve({ value: undefined, done: true });
    }

    /** No more messages; what the loop holds is still its own. */
    end(): void {
      if (!loops.delete(this)) return;
      for (const resolve of this.#waiting.splice(0)) {
        hungry.splice(hungry.indexOf(this), 1);
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
