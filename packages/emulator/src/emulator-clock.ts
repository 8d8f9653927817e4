import { type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { type CancelTimer, type MonotonicInstant, msBetween, plusMs } from "@cloud-messaging/core/transport";

interface Timer {
  readonly at: MonotonicInstant;
  readonly sequence: number;
  run: (() => void) | undefined;
}

/** Number of cancelled timers above which they are removed, if they are the larger half. */
const SWEEP_AT = 1024;

/** Clock of the service: both readings follow another clock and can be advanced. */
export interface EmulatorClock extends Clock {
  /** Offset to the clock that it follows. Unit: milliseconds. */
  readonly offsetMs: number;
  /** Number of scheduled calls. */
  readonly scheduled: number;
  /**
   * Advances the time and runs every call that falls due, in order. Skipping weeks takes microseconds.
   *
   * @param byMs Unit: milliseconds. Range: 0 or more, up to the maximum of `Date`.
   * @throws {InvalidOptionsError} Not a number, or beyond that maximum.
   */
  advance(byMs: number): void;
  /** Sets the offset of a saved state; the time never moves backwards. */
  setOffset(offsetMs: number): void;
  /** Cancels every scheduled call. */
  close(): void;
}

/**
 * Creates the clock of the service model. However many calls are scheduled (one per stored message, up to four weeks ahead), the clock it follows
 * has one timer.
 */
export function createEmulatorClock(base: Clock): EmulatorClock {
  const heap: Timer[] = [];
  let offsetMs = 0;
  let sequence = 0;
  let live = 0;
  let armedFor: MonotonicInstant | undefined;
  let disarm: CancelTimer | undefined;

  const now = (): number => base.now() + offsetMs;
  const monotonic = (): MonotonicInstant => plusMs(base.monotonic(), offsetMs);

  function arm(): void {
    dropCancelled();
    const next = heap[0];
    if (next === undefined) {
      disarm?.();
      disarm = armedFor = undefined;
      return;
    }
    if (armedFor === next.at) return;
    disarm?.();
    armedFor = next.at;
    disarm = base.schedule(msBetween(monotonic(), next.at), () => {
      disarm = armedFor = undefined;
      runUntil(monotonic());
    });
  }

  function runUntil(until: MonotonicInstant): void {
    for (dropCancelled(); heap[0] !== undefined && heap[0].at <= until; dropCancelled()) {
      const timer = pop(heap) as Timer;
      const { at, run } = timer;
      timer.run = undefined; // from now on, cancelling it changes nothing
      live--;
      // while a due call runs, the time is the instant at which it was due
      offsetMs += Math.max(0, msBetween(monotonic(), at));
      run?.();
    }
    arm();
  }

  function dropCancelled(): void {
    while (heap[0] !== undefined && heap[0].run === undefined) pop(heap);
  }

  return {
    now,
    monotonic,
    get offsetMs() {
      return offsetMs;
    },
    get scheduled() {
      return live;
    },
    schedule(delayMs, run) {
      const timer: Timer = { at: plusMs(monotonic(), Math.max(0, delayMs)), sequence: sequence++, run };
      push(heap, timer);
      live++;
      if (heap[0] === timer) arm();
      return () => {
        if (timer.run === undefined) return;
        timer.run = undefined;
        live--;
        if (heap.length > SWEEP_AT && live < heap.length / 2) {
          const kept = heap.filter((entry) => entry.run !== undefined).sort(before);
          heap.splice(0, heap.length, ...kept);
        }
        arm();
      };
    },
    advance(byMs) {
      requireTime("byMs", byMs, now());
      const target = plusMs(monotonic(), Math.max(0, byMs));
      runUntil(target);
      offsetMs += Math.max(0, msBetween(monotonic(), target));
      disarm?.();
      disarm = armedFor = undefined;
      arm();
    },
    setOffset(to) {
      requireTime("clockOffsetMs", to, base.now());
      offsetMs = Math.max(offsetMs, to);
    },
    close() {
      disarm?.();
      disarm = armedFor = undefined;
      heap.length = 0;
      live = 0;
    },
  };
}

/** Maximum time value of `Date`. Unit: milliseconds since the epoch. */
const LAST_TIME = 8.64e15;

function requireTime(path: string, forwardMs: number, from: number): void {
  if (Number.isFinite(forwardMs) && from + forwardMs <= LAST_TIME) return;
  throw new InvalidOptionsError([
    { path, problem: `must be milliseconds that lead to a time of at most ${LAST_TIME}` },
  ]);
}

const before = (a: Timer, b: Timer): number => msBetween(b.at, a.at) || a.sequence - b.sequence;

function push(heap: Timer[], timer: Timer): void {
  let index = heap.push(timer) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (before(heap[parent] as Timer, timer) <= 0) break;
    heap[index] = heap[parent] as Timer;
    index = parent;
  }
  heap[index] = timer;
}

function pop(heap: Timer[]): Timer | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    const right = child + 1;
    if (right < heap.length && before(heap[right] as Timer, heap[child] as Timer) < 0) child = right;
    if (before(heap[child] as Timer, last) >= 0) break;
    heap[index] = heap[child] as Timer;
    index = child;
  }
  heap[index] = last;
  return top;
}
