import type { Clock } from "@cloud-messaging/core";
import {
  type CancelTimer,
  later,
  type MonotonicInstant,
  NEVER,
  plusMs,
  timeLeftMs,
} from "@cloud-messaging/core/transport";

/** Shortest interval between two sweeps. Unit: milliseconds. */
const MIN_SWEEP_MS = 10;

/** One timer for the deadlines of all messages. Most messages are answered long before their deadline and cost no timer of their own. */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #sweep: (now: MonotonicInstant) => MonotonicInstant;
  #sweepAt = NEVER;
  #cancel: CancelTimer | undefined;

  /** @param sweep Ends everything that is overdue; returns the next deadline, or `NEVER`. */
  constructor(clock: Clock, sweep: (now: MonotonicInstant) => MonotonicInstant) {
    this.#clock = clock;
    this.#sweep = sweep;
  }

  /** Makes sure that a sweep takes place at the deadline. */
  watch(deadline: MonotonicInstant): void {
    if (deadline >= this.#sweepAt) return;
    this.#cancel?.();
    this.#sweepAt = deadline;
    this.#cancel = this.#clock.schedule(Math.max(0, timeLeftMs(this.#clock, deadline)), () => {
      this.#sweepAt = NEVER;
      this.#cancel = undefined;
      const now = this.#clock.monotonic();
      const next = this.#sweep(now);
      if (next !== NEVER) this.watch(later(next, plusMs(now, MIN_SWEEP_MS)));
    });
  }

  /** Cancels the timer. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#sweepAt = NEVER;
  }
}
