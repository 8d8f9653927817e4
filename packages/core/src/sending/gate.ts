import { setImmediate } from "node:timers";
import { AbortedError, ClosedError, InvalidOptionsError, TooManyWaitingError } from "../errors.ts";
import { onAbort } from "../time/abort.ts";

/** Counts what is unsettled, holds back who asks for room, and knows when nothing is left. */
export interface Gate {
  /** Takes a room now. @throws {TooManyWaitingError} no room. @throws {ClosedError} closed. */
  enter(): void;
  /** Takes a room as soon as there is one, and has it when it resolves. First come, first served. */
  acquire(signal?: AbortSignal): Promise<void>;
  /** Gives a room back. */
  leave(): void;
  /**
   * Resolves when there is room, first come, first served, and takes none: it is kept free of other waiters until the event loop turns,
   * which is long enough for the code behind `await capacity()`. Who enters without waiting may still be faster.
   */
  capacity(signal?: AbortSignal): Promise<void>;
  /** Nobody enters any more; who waits for room is refused. */
  close(): void;
  /** Resolves when nothing is pending. */
  idle(): Promise<void>;
  readonly pending: number;
  readonly closed: boolean;
}

interface Waiter {
  readonly takesRoom: boolean;
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
  // rooms that capacity() has named and nobody has entered. A promise ends when the event loop turns, so that nobody can keep a room
  // by never entering it.
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

  function give(takesRoom: boolean): void {
    if (takesRoom) pending++;
    else promise();
  }

  function admit(): void {
    for (const waiter of waiters) {
      if (!hasRoom()) return;
      waiters.delete(waiter);
      give(waiter.takesRoom);
      waiter.grant();
    }
  }

  function waitForRoom(takesRoom: boolean, signal: AbortSignal | undefined): Promise<void> {
    if (closed) return Promise.reject(new ClosedError(what));
    if (signal?.aborted) return Promise.reject(new AbortedError("Waiting for capacity", signal.reason));
    if (waiters.size === 0 && hasRoom()) {
      give(takesRoom);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        takesRoom,
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
        waiter.refuse(new AbortedError("Waiting for capacity", signal?.reason));
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
    acquire: (signal) => waitForRoom(true, signal),
    leave() {
      pending--;
      if (waiters.size > 0) admit();
      if (pending === 0) for (const resolve of idleWaiters.splice(0)) resolve();
    },
    capacity: (signal) => waitForRoom(false, signal),
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
