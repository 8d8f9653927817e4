import { setImmediate } from "node:timers";
import { onAbort } from "./abort.ts";

/** Ends a scheduled call; calling it twice, or after the call was made, does nothing. */
export type CancelTimer = () => void;

/**
 * Where time comes from. Everything in this SDK that waits or stamps takes one, so that tests never sleep.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Milliseconds since any fixed moment, from a clock that nobody sets: what time-outs and deadlines are measured by, so that setting the
   * machine's clock neither ends a wait early nor draws it out. Left out, `now()` is taken.
   */
  steady?(): number;
  /**
   * Calls `run` once, `delayMs` from now.
   *
   * @param delayMs Unit: milliseconds. Anything below 0 counts as 0.
   */
  schedule(delayMs: number, run: () => void): CancelTimer;
}

/** Where chance comes from: a number from 0 (included) to 1 (excluded), as `Math.random` gives. */
export type Random = () => number;

/** Longest delay a Node timer can hold. Unit: milliseconds. Longer waits are split. */
const MAX_TIMER_MS = 2_147_483_647;

/** The machine's clock. Its timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  schedule(delayMs, run) {
    let timer: NodeJS.Timeout;
    const arm = (remainingMs: number): void => {
      timer = setTimeout(
        () => (remainingMs > MAX_TIMER_MS ? arm(remainingMs - MAX_TIMER_MS) : run()),
        Math.min(Math.max(0, remainingMs), MAX_TIMER_MS),
      );
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};

/** The reading that durations are measured by. Unit: milliseconds, since any fixed moment. */
export function steadyNow(clock: Clock): number {
  return clock.steady === undefined ? clock.now() : clock.steady();
}

/**
 * A point in time of `now()` as one of `steadyNow()`. To be asked for once, when a wait begins: the two readings drift apart whenever the
 * clock is set.
 *
 * @param at Milliseconds since the epoch; `Infinity` stays what it is.
 */
export function toSteady(clock: Clock, at: number): number {
  return clock.steady === undefined ? at : clock.steady() + (at - clock.now());
}

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /**
   * Moves time forward and makes every call that falls due on the way, in order of its time.
   * Between two calls the microtask queue is emptied, so a wait that starts another wait is followed.
   *
   * @param byMs Unit: milliseconds, 0 or more.
   */
  advance(byMs: number): Promise<void>;
  /** Moves to the next scheduled call and makes it; `false` when nothing is scheduled. */
  advanceToNext(): Promise<boolean>;
  /** How many calls are scheduled. */
  readonly scheduled: number;
}

/**
 * A clock for tests and for the emulator's virtual time.
 *
 * @param startMs Milliseconds since the epoch. Default: 2026-01-01T00:00:00Z.
 */
export function createManualClock(startMs: number = Date.UTC(2026, 0, 1)): ManualClock {
  let now = startMs;
  let sequence = 0;
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();

  const next = (): [number, { readonly at: number; readonly run: () => void }] | undefined => {
    let found: [number, { readonly at: number; readonly run: () => void }] | undefined;
    for (const entry of timers) if (found === undefined || entry[1].at < found[1].at) found = entry;
    return found;
  };
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const fire = async ([id, timer]: [number, { readonly at: number; readonly run: () => void }]): Promise<void> => {
    timers.delete(id);
    now = Math.max(now, timer.at);
    timer.run();
    await settle();
  };

  return {
    now: () => now,
    schedule(delayMs, run) {
      const id = sequence++;
      timers.set(id, { at: now + Math.max(0, delayMs), run });
      return () => {
        timers.delete(id);
      };
    },
    async advance(byMs) {
      const until = now + byMs;
      await settle();
      for (let due = next(); due !== undefined && due[1].at <= until; due = next()) await fire(due);
      now = Math.max(now, until);
      await settle();
    },
    async advanceToNext() {
      await settle();
      const due = next();
      if (due === undefined) return false;
      await fire(due);
      return true;
    },
    get scheduled() {
      return timers.size;
    },
  };
}

/**
 * Waits. Resolves `true` when the time has passed and `false` as soon as the signal aborts: giving up a wait is not an error.
 *
 * @param delayMs Unit: milliseconds. 0 or less resolves at once.
 */
export function wait(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  if (delayMs <= 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const cancel = clock.schedule(delayMs, () => {
      forget();
      resolve(true);
    });
    const forget = onAbort(signal, () => {
      cancel();
      resolve(false);
    });
  });
}
