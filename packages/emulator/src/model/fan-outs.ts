import type { Clock } from "@cloud-messaging/core";
import type { CancelTimer } from "@cloud-messaging/core/transport";
import type { QuotaLimits } from "./quotas.ts";

/** Interval of the portions of a delivery. Implementation limit. Unit: milliseconds. */
const PORTION_EVERY_MS = 100;

/** Message in delivery to many recipients, and those remaining. */
interface FanOut<T> {
  readonly recipients: readonly T[];
  next: number;
  readonly deliver: (recipient: T) => void;
}

/**
 * Fan-out of topic messages: at once, or in portions shared by the messages of a project if its rate is limited.
 *
 * Source: docs/emulator-fidelity.md#topics
 */
export class FanOuts<T> {
  readonly #clock: Clock;
  readonly #limits: Readonly<QuotaLimits>;
  readonly #running = new Map<string, Set<FanOut<T>>>();
  readonly #timers = new Map<string, CancelTimer>();
  /** Fractional deliveries left over by the last portion, by project. */
  readonly #left = new Map<string, number>();

  constructor(clock: Clock, limits: Readonly<QuotaLimits>) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True if a project has the maximum number of messages in delivery. */
  isFull(project: string): boolean {
    return (this.#running.get(project)?.size ?? 0) >= this.#limits.concurrentFanOuts;
  }

  start(project: string, recipients: readonly T[], deliver: (recipient: T) => void): void {
    if (this.#limits.fanOutPerSecond === Number.POSITIVE_INFINITY && !this.#running.has(project)) {
      for (const recipient of recipients) deliver(recipient);
      return;
    }
    let running = this.#running.get(project);
    if (running === undefined) {
      running = new Set();
      this.#running.set(project, running);
    }
    running.add({ recipients, next: 0, deliver });
    if (!this.#timers.has(project)) this.#portion(project);
  }

  /** Cancels every fan-out. */
  reset(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#running.clear();
    this.#left.clear();
  }

  #portion(project: string): void {
    this.#timers.delete(project);
    const running = this.#running.get(project);
    if (running === undefined) return;
    let due = (this.#limits.fanOutPerSecond * PORTION_EVERY_MS) / 1000 + (this.#left.get(project) ?? 0);
    // round robin, so that a short one does not wait for a long one
    while (due >= 1 && running.size > 0) {
      for (const fanOut of [...running]) {
        if (due < 1) break;
        due--;
        fanOut.deliver(fanOut.recipients[fanOut.next++] as T);
        running.delete(fanOut);
        // to the end of the queue, for the next portion
        if (fanOut.next < fanOut.recipients.length) running.add(fanOut);
      }
    }
    if (this.#running.get(project) !== running) return; // reset meanwhile
    if (running.size === 0) {
      this.#running.delete(project);
      this.#left.delete(project);
      // the next message waits for the next portion as well
    } else this.#left.set(project, due);
    const timer = this.#clock.schedule(PORTION_EVERY_MS, () => this.#portion(project));
    this.#timers.set(project, timer);
  }
}
