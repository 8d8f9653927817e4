import { type CancelTimer, type Clock, steadyNow } from "@cloud-messaging/core";
import { ChurningSet } from "./churning-set.ts";

/** Something that has to be over by a point in time. */
export interface Expiring {
  /** By the steady reading of the clock (`steadyNow`). */
  readonly expiresAt: number;
  /** Called once, when that time has passed and it is still there. */
  expire(): void;
}

/** The deadlines of everything that is under way. */
export interface Deadlines {
  add(entry: Expiring): void;
  delete(entry: Expiring): void;
}

/**
 * One timer for all deadlines, set for the earliest known. Requests usually end long before they expire, so adding and deleting cost
 * next to nothing; when the timer fires it looks at all of them once. No timer is left when nothing is under way.
 */
export function createDeadlines(clock: Clock): Deadlines {
  const entries = new ChurningSet<Expiring>();
  let firesAt = Number.POSITIVE_INFINITY;
  let cancel: CancelTimer | undefined;

  const disarm = (): void => {
    cancel?.();
    cancel = undefined;
    firesAt = Number.POSITIVE_INFINITY;
  };
  const arm = (at: number): void => {
    disarm();
    firesAt = at;
    cancel = clock.schedule(at - steadyNow(clock), fire);
  };
  const fire = (): void => {
    disarm();
    const now = steadyNow(clock);
    let earliest = Number.POSITIVE_INFINITY;
    for (const entry of entries) {
      if (entry.expiresAt <= now) {
        // another one's end may have ended it too
        if (entries.delete(entry)) entry.expire();
      } else if (entry.expiresAt < earliest) earliest = entry.expiresAt;
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
