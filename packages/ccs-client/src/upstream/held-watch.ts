import type { CancelTimer, Clock } from "@cloud-messaging/core";

/** Between two looks. What was there at two of them has been held for long. Unit: milliseconds. */
const LOOK_INTERVAL_MS = 15_000;

/** Shortest time after which something is said to be held for long. Unit: seconds. */
export const HELD_LONG_SEC = LOOK_INTERVAL_MS / 1_000;

/** Looks every so often whether anything is held for long, at the cost of one timer, and none while nothing is held. */
export class HeldWatch {
  readonly #clock: Clock;
  /** The count of looks when the longest held item came; `undefined` without one. */
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

  /** An item comes: returns the count of looks to keep with it. */
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
