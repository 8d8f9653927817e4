import type { Clock } from "@cloud-messaging/core";
import { type CancelTimer, callListener } from "@cloud-messaging/core/transport";

/** Time between two looks for changes by other processes, while somebody waits for them. Unit: milliseconds. */
const POLL_MS = 100;

/** Callbacks for when there are changes to read. */
export interface Watch {
  /** Adds a callback; returns a function that ends it. */
  add(wake: () => void): () => void;
  /** Looks for changes now. */
  check(): void;
  /** Ends all, and wakes everybody once more: whoever waits for a change learns that there will be none. */
  close(): void;
}

/** @param lastChange Reads the place of the last change in the feed. */
export function createWatch(clock: Clock, lastChange: () => number): Watch {
  const wakers = new Set<{ readonly wake: () => void }>();
  let seen = 0;
  let cancel: CancelTimer | undefined;

  function check(): void {
    if (wakers.size === 0) return;
    const last = look();
    if (last === seen) return;
    seen = last;
    wakeAll();
  }

  function wakeAll(): void {
    for (const { wake } of [...wakers]) {
      callListener("registration-store", "change-listener-failed", wake);
    }
  }

  /** A look that fails counts as a change: the error is for those who read. */
  function look(): number {
    try {
      return lastChange();
    } catch {
      return Number.NaN;
    }
  }

  function poll(): void {
    cancel = clock.schedule(POLL_MS, () => {
      poll();
      check();
    });
  }

  function stop(): void {
    cancel?.();
    cancel = undefined;
  }

  return {
    add(wake) {
      if (wakers.size === 0) {
        seen = lastChange();
        poll();
      }
      const waker = { wake };
      wakers.add(waker);
      return () => {
        if (wakers.delete(waker) && wakers.size === 0) stop();
      };
    },
    check,
    close() {
      stop();
      wakeAll();
      wakers.clear();
    },
  };
}
