import { processWide } from "../environment/process-wide.ts";
import { InvalidOptionsError } from "../errors.ts";
import { onAbort } from "./abort.ts";
import { type MonotonicInstant, monotonicInstant, msBetween, plusMs } from "./monotonic.ts";
import { nextTurn } from "./next-turn.ts";

/** Ends a scheduled call; calling it twice, or after the call was made, does nothing. */
export type CancelTimer = () => void;

/**
 * Source of time. Everything in this SDK that waits or stamps takes one, so that tests never sleep. Dates come from `now()`, and
 * everything that lasts (time-outs, deadlines, rates, caches) from `monotonic()`: setting the machine's clock ends no wait early and
 * draws none out.
 */
export interface Clock {
  /** Reads the wall clock, for dates only. Milliseconds since the epoch. */
  now(): number;
  /** Reads the monotonic clock: for durations and deadlines. */
  monotonic(): MonotonicInstant;
  /**
   * Calls `run` once, when `delayMs` have passed on the monotonic clock.
   *
   * @param delayMs Unit: milliseconds. Anything below 0 counts as 0.
   */
  schedule(delayMs: number, run: () => void): CancelTimer;
}

/** Source of random numbers: a number from 0 (included) to 1 (excluded), as `Math.random` gives. */
export type Random = () => number;

const CLOCK_METHODS = ["now", "monotonic", "schedule"] as const;

/** Names what keeps a value from being a `Clock`; `undefined` for a clock. */
export function clockProblem(value: unknown): string | undefined {
  const given = (value ?? {}) as Partial<Record<(typeof CLOCK_METHODS)[number], unknown>>;
  const missing = CLOCK_METHODS.filter((name) => typeof given[name] !== "function");
  if (missing.length === 0) return undefined;
  const names = missing.map((name) => `${name}()`).join(", ");
  return `must be a clock with now(), monotonic() and schedule(), and lacks ${names}: take systemClock or createManualClock(), or pass what is missing on from one of them`;
}

/** Longest delay a Node timer can hold. Unit: milliseconds. Longer waits are split. */
const MAX_TIMER_MS = 2_147_483_647;

/** Clock of the machine: wall time, monotonic time, Node's timers. A timer keeps the process alive until it fires or is cancelled. */
export const systemClock: Clock = processWide("core/system-clock/1", () => ({
  now: () => Date.now(),
  monotonic: () => monotonicInstant(performance.now()),
  schedule(delayMs: number, run: () => void) {
    let timer: NodeJS.Timeout;
    // of the same make as the timer, however late it is cleared: a test may put fake timers in between
    const { setTimeout, clearTimeout } = globalThis;
    const arm = (remainingMs: number): void => {
      timer = setTimeout(
        () => (remainingMs > MAX_TIMER_MS ? arm(remainingMs - MAX_TIMER_MS) : run()),
        Math.min(Math.max(0, remainingMs), MAX_TIMER_MS),
      );
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
}));

/** Computes the time left until a deadline; 0 or less once it has passed. Unit: milliseconds. */
export function timeLeftMs(clock: Clock, deadline: MonotonicInstant): number {
  return msBetween(clock.monotonic(), deadline);
}

/** Computes the time passed since an instant. Unit: milliseconds. */
export function elapsedMs(clock: Clock, since: MonotonicInstant): number {
  return msBetween(since, clock.monotonic());
}

/** Clock that stands still until it is advanced. Its two readings start apart and can be moved further apart. */
export interface ManualClock extends Clock {
  /**
   * Moves both readings forward and makes every call that falls due on the way, in order of its time.
   * Between two calls the microtask queue is emptied, so a wait that starts another wait is followed.
   *
   * @param byMs Unit: milliseconds, 0 or more.
   */
  advance(byMs: number): Promise<void>;
  /** Moves to the next scheduled call and makes it; `false` when nothing is scheduled. */
  advanceToNext(): Promise<boolean>;
  /**
   * Sets the wall clock, as an administrator or NTP does: no call falls due, and the monotonic reading stays.
   *
   * @param to Milliseconds since the epoch; earlier than `now()` too.
   */
  setWallClock(to: number): void;
  /** Number of calls scheduled. */
  readonly scheduled: number;
}

/** Monotonic reading of a new manual clock: nothing that could pass for a date. Unit: milliseconds. */
const MANUAL_START_MS = 7_654.25;

/**
 * A clock for tests and for the emulator's virtual time.
 *
 * @param startMs First reading of the wall clock. Milliseconds since the epoch. Default: 2026-01-01T00:00:00Z.
 * @throws {InvalidOptionsError} it is no finite number.
 *
 * @example
 * ```ts
 * import { createManualClock } from "@cloud-messaging/core";
 *
 * const clock = createManualClock();
 * clock.schedule(1_000, () => console.log("one second later"));
 * await clock.advance(1_000);
 * ```
 */
export function createManualClock(startMs: number = Date.UTC(2026, 0, 1)): ManualClock {
  if (!Number.isFinite(startMs)) {
    throw new InvalidOptionsError([{ path: "startMs", problem: "must be a number of milliseconds since the epoch" }]);
  }
  interface Timer {
    readonly at: MonotonicInstant;
    readonly run: () => void;
  }
  let wallMs = startMs;
  let monotonic = monotonicInstant(MANUAL_START_MS);
  let sequence = 0;
  const timers = new Map<number, Timer>();

  const next = (): [number, Timer] | undefined => {
    let found: [number, Timer] | undefined;
    for (const entry of timers) if (found === undefined || entry[1].at < found[1].at) found = entry;
    return found;
  };
  const settle = () => new Promise<void>((resolve) => void nextTurn(resolve));
  const moveTo = (to: MonotonicInstant): void => {
    const byMs = msBetween(monotonic, to);
    if (byMs <= 0) return;
    wallMs += byMs;
    monotonic = to;
  };
  const fire = async ([id, timer]: [number, Timer]): Promise<void> => {
    timers.delete(id);
    moveTo(timer.at);
    timer.run();
    await settle();
  };

  return {
    now: () => wallMs,
    monotonic: () => monotonic,
    schedule(delayMs, run) {
      const id = sequence++;
      timers.set(id, { at: plusMs(monotonic, Math.max(0, delayMs)), run });
      return () => {
        timers.delete(id);
      };
    },
    async advance(byMs) {
      const until = plusMs(monotonic, byMs);
      await settle();
      for (let due = next(); due !== undefined && due[1].at <= until; due = next()) await fire(due);
      moveTo(until);
      await settle();
    },
    async advanceToNext() {
      await settle();
      const due = next();
      if (due === undefined) return false;
      await fire(due);
      return true;
    },
    setWallClock(to) {
      wallMs = to;
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
