import { AbortedError, ClosedError, InvalidOptionsError, TooManyWaitingError } from "./errors.ts";

/** Counts what is unsettled, holds back who asks for room, and knows when nothing is left. */
export interface Gate {
  /** @throws {TooManyWaitingError} no room. */
  enter(): void;
  leave(): void;
  /** Resolves when there is room: first come, first served. The room is kept for the caller until the event loop turns. */
  capacity(signal?: AbortSignal): Promise<void>;
  /** Nobody enters any more; who waits for room is refused. */
  close(): void;
  /** Resolves when nothing is pending. */
  idle(): Promise<void>;
  readonly pending: number;
  readonly closed: boolean;
}

interface Waiter {
  readonly grant: () => void;
  readonly refuse: (error: Error) => void;
}

/** @param limit How many may be inside at once. Range: 1 or more, or `Infinity`. */
export function createGate(limit: number, what: string): Gate {
  if (!(limit >= 1)) throw new InvalidOptionsError([{ path: "limit", problem: `must be at least 1, not ${limit}` }]);
  const waiters = new Set<Waiter>();
  const idleWaiters: (() => void)[] = [];
  let pending = 0;
  let closed = false;
  // rooms promised by capacity() and not yet entered. A promise lasts until the event loop turns: long enough for the code behind
  // `await capacity()`, and nobody can keep a room by never entering it.
  let promised = 0;
  let turning = false;

  const hasRoom = (): boolean => pending + promised < limit;

  function promise(): void {
    promised++;
    if (turning) return;
    turning = true;
    setImmediate(() => {
      turning = false;
      promised = 0;
      admit();
    });
  }

  function admit(): void {
    for (const waiter of waiters) {
      if (!hasRoom()) return;
      waiters.delete(waiter);
      promise();
      waiter.grant();
    }
  }

  return {
    enter() {
      if (closed) throw new ClosedError(what);
      if (pending >= limit) throw new TooManyWaitingError(limit);
      pending++;
      if (promised > 0) promised--;
    },
    leave() {
      pending--;
      if (waiters.size > 0) admit();
      if (pending === 0) for (const resolve of idleWaiters.splice(0)) resolve();
    },
    capacity(signal) {
      if (closed) return Promise.reject(new ClosedError(what));
      if (signal?.aborted) return Promise.reject(new AbortedError("Waiting for capacity", signal.reason));
      if (waiters.size === 0 && hasRoom()) {
        promise();
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const done = (): void => signal?.removeEventListener("abort", onAbort);
        const waiter: Waiter = {
          grant: () => {
            done();
            resolve();
          },
          refuse: (error) => {
            done();
            reject(error);
          },
        };
        const onAbort = (): void => {
          waiters.delete(waiter);
          waiter.refuse(new AbortedError("Waiting for capacity", signal?.reason));
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        waiters.add(waiter);
      });
    },
    close() {
      closed = true;
      for (const waiter of waiters) waiter.refuse(new ClosedError(what));
      waiters.clear();
    },
    idle() {
      return pending === 0 ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve));
    },
    get pending() {
      return pending;
    },
    get closed() {
      return closed;
    },
  };
}
