import type { CancelTimer, Clock } from "@cloud-messaging/core";
import type { QuotaLimits } from "./quotas.ts";

/** Deliveries leave in portions this far apart. Ours. Unit: milliseconds. */
const PORTION_EVERY_MS = 100;

/** A message on its way to many, and who has not had it yet. */
interface FanOut<T> {
  readonly recipients: readonly T[];
  next: number;
  readonly deliver: (recipient: T) => void;
}

/**
 * Takes messages to the subscribers of topics: at once, or, where a project's speed is limited, in portions that its messages share.
 *
 * Source: docs/emulator-fidelity.md#topics
 */
export class FanOuts<T> {
  readonly #clock: Clock;
  readonly #limits: Readonly<QuotaLimits>;
  readonly #running = new Map<string, Set<FanOut<T>>>();
  readonly #timers = new Map<string, CancelTimer>();
  /** Parts of a delivery that the last portion left over, by project. */
  readonly #left = new Map<string, number>();

  constructor(clock: Clock, limits: Readonly<QuotaLimits>) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Whether a project has as many messages under way as it may have. */
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

  /** What is under way goes nowhere. */
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
    // one after the other, so that a short one does not wait for a long one's end
    while (due >= 1 && running.size > 0) {
      for (const fanOut of [...running]) {
        if (due < 1) break;
        due--;
        fanOut.deliver(fanOut.recipients[fanOut.next++] as T);
        running.delete(fanOut);
        // behind the others, for the next portion
        if (fanOut.next < fanOut.recipients.length) running.add(fanOut);
      }
    }
    if (this.#running.get(project) !== running) return; // reset meanwhile
    if (running.size === 0) {
      this.#running.delete(project);
      this.#left.delete(project);
      // the next message waits for the next portion all the same
    } else this.#left.set(project, due);
    const timer = this.#clock.schedule(PORTION_EVERY_MS, () => this.#portion(project));
    this.#timers.set(project, timer);
  }
}
