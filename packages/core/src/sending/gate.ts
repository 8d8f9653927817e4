import { AbortedError, ClosedError, InvalidOptionsError, TooManyWaitingError } from "../errors.ts";
import { onAbort } from "../time/abort.ts";
import { nextTurn } from "../time/next-turn.ts";

/** Semaphore that bounds the number of unsettled sends. */
export interface Gate {
  /** Acquires a permit at once. @throws {TooManyWaitingError} none is free. @throws {ClosedError} closed. */
  enter(): void;
  /** Acquires a permit as soon as one is free. First come, first served. */
  acquire(signal?: AbortSignal): Promise<void>;
  /** Releases a permit. */
  leave(): void;
  /**
   * Resolves when a permit is free, first come, first served, without acquiring it. The permit is reserved until the end of the turn of
   * the event loop, for the code behind `await capacity()`; `enter()` without waiting may still take it.
   */
  capacity(signal?: AbortSignal): Promise<void>;
  /** Refuses further permits, and rejects the waiters. */
  close(): void;
  /** Resolves when no permit is held. */
  idle(): Promise<void>;
  readonly pending: number;
  readonly closed: boolean;
}

interface Waiter {
  readonly acquires: boolean;
  readonly grant: () => void;
  readonly refuse: (error: Error) => void;
}

/** Creates a gate. @param limit Number of permits. Range: 1 or more, or `Infinity`. */
export function createGate(limit: number, what: string): Gate {
  if (!(limit >= 1)) throw new InvalidOptionsError([{ path: "limit", problem: `must be at least 1, not ${limit}` }]);
  const waiters = new Set<Waiter>();
  const idleWaiters: (() => void)[] = [];
  let pending = 0;
  let closed = false;
  // permits that capacity() has reserved and nobody has acquired. A reservation ends with the turn of the event loop, so that none is
  // kept by never being used.
  let promised = 0;
  let turning = false;

  const hasPermit = (): boolean => pending + promised < limit;

  function promise(): void {
    promised++;
    if (turning) return;
    turning = true;
    nextTurn(() => {
      turning = false;
      promised = 0;
      admit();
    });
  }

  function give(acquires: boolean): void {
    if (acquires) pending++;
    else promise();
  }

  function admit(): void {
    for (const waiter of waiters) {
      if (!hasPermit()) return;
      waiters.delete(waiter);
      give(waiter.acquires);
      waiter.grant();
    }
  }

  function waitForPermit(acquires: boolean, signal: AbortSignal | undefined): Promise<void> {
    if (closed) return Promise.reject(new ClosedError(what));
    if (signal?.aborted)
      return Promise.reject(new AbortedError("Waiting for capacity", signal.reason, "there was room"));
    if (waiters.size === 0 && hasPermit()) {
      give(acquires);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        acquires,
        grant: () => {
          forget();
          resolve();
        },
        refuse: (error) => {
          forget();
          reject(error);
        },
      };
      waiters.add(waiter);
      const forget = onAbort(signal, () => {
        waiters.delete(waiter);
        waiter.refuse(new AbortedError("Waiting for capacity", signal?.reason, "there was room"));
      });
    });
  }

  return {
    enter() {
      if (closed) throw new ClosedError(what);
      if (pending >= limit) throw new TooManyWaitingError(limit);
      pending++;
      if (promised > 0) promised--;
    },
    acquire: (signal) => waitForPermit(true, signal),
    leave() {
      pending--;
      if (waiters.size > 0) admit();
      if (pending === 0) for (const resolve of idleWaiters.splice(0)) resolve();
    },
    capacity: (signal) => waitForPermit(false, signal),
    close() {
      closed = true;
      const refused = [...waiters];
      waiters.clear();
      for (const waiter of refused) waiter.refuse(new ClosedError(what));
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
