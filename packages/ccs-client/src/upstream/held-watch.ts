import type { Clock } from "@cloud-messaging/core";
import type { CancelTimer } from "@cloud-messaging/core/transport";

/** Interval between two looks. A delivery that is present at two of them is held for long. Unit: milliseconds. */
const LOOK_INTERVAL_MS = 15_000;

/** Minimum age of a delivery that is reported as held for long. Unit: seconds. */
export const HELD_LONG_SEC = LOOK_INTERVAL_MS / 1_000;

/** Detects deliveries that are held for long, with one timer, and none while nothing is held. */
export class HeldWatch {
  readonly #clock: Clock;
  /** Returns the look at which the oldest held delivery arrived; `undefined` without one. */
  readonly #oldest: () => number | undefined;
  readonly #tell: () => void;
  #looks = 0;
  #told = false;
  #cancel: CancelTimer | undefined;

  constructor(clock: Clock, oldest: () => number | undefined, tell: () => void) {
    this.#clock = clock;
    this.#oldest = oldest;
    this.#tell = tell;
  }

  /** Starts watching; returns the number of looks so far, to be stored with the delivery. */
  begin(): number {
    this.#cancel ??= this.#clock.schedule(LOOK_INTERVAL_MS, () => this.#look());
    return this.#looks;
  }

  get heldForLong(): boolean {
    const oldest = this.#oldest();
    return oldest !== undefined && this.#looks - oldest > 1;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.#looks++;
    const next = this.#oldest() === undefined ? undefined : () => this.#look();
    this.#cancel = next === undefined ? undefined : this.#clock.schedule(LOOK_INTERVAL_MS, next);
    const held = this.heldForLong;
    if (held && !this.#told) this.#tell();
    this.#told = held;
  }
}
