import type { Clock } from "@cloud-messaging/core";
import {
  type CancelTimer,
  ChurningSet,
  earlier,
  type MonotonicInstant,
  NEVER,
  timeLeftMs,
} from "@cloud-messaging/core/transport";

/** An entry with a deadline. */
export interface Expiring {
  readonly expiresAt: MonotonicInstant;
  /** Called once, if the entry is still present at its deadline. */
  expire(): void;
}

/** Set of deadlines. */
export interface Deadlines {
  add(entry: Expiring): void;
  delete(entry: Expiring): void;
}

/**
 * Creates a set of deadlines with one timer, armed for the earliest known. Requests usually end long before they expire, so that adding and
 * deleting are cheap; when the timer fires, all entries are scanned once. An empty set has no timer.
 */
export function createDeadlines(clock: Clock): Deadlines {
  const entries = new ChurningSet<Expiring>();
  let firesAt = NEVER;
  let cancel: CancelTimer | undefined;

  const disarm = (): void => {
    cancel?.();
    cancel = undefined;
    firesAt = NEVER;
  };
  const arm = (at: MonotonicInstant): void => {
    disarm();
    firesAt = at;
    cancel = clock.schedule(timeLeftMs(clock, at), fire);
  };
  const fire = (): void => {
    disarm();
    const now = clock.monotonic();
    let earliest = NEVER;
    for (const entry of entries) {
      if (entry.expiresAt <= now) {
        // another one's end may have ended it too
        if (entries.delete(entry)) entry.expire();
      } else earliest = earlier(earliest, entry.expiresAt);
    }
    // what expired may have added others, which then have armed the timer themselves
    if (earliest < firesAt) arm(earliest);
  };

  return {
    add(entry) {
      entries.add(entry);
      if (entry.expiresAt < firesAt) arm(entry.expiresAt);
    },
    delete(entry) {
      if (entries.delete(entry) && entries.size === 0) disarm();
    },
  };
}
