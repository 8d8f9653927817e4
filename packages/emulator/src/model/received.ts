import { OldestFirst } from "../oldest-first.ts";
import type { Counters } from "../stats.ts";
import type { AppInstance, DeviceMessage } from "./devices.ts";
import { weightOf } from "./weight.ts";

/** Messages an app lists at most; older ones make room. Ours. */
const MAX_RECEIVED = 10_000;
/** Text that all apps together list at most. Ours. Unit: characters. */
const MAX_WEIGHT = 64 * 1_048_576;

/** What apps received, bounded for each app and for all of them together: the oldest make room. */
export class ReceivedMessages {
  /** Beside an app's `received`, in the same order, stand their numbers: `receivedAs`. */
  readonly #listed = new Map<number, { readonly app: AppInstance; readonly message: DeviceMessage }>();
  readonly #oldest = new OldestFirst(this.#listed);
  readonly #counters: Counters;
  #weight = 0;
  #count = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  add(app: AppInstance, message: DeviceMessage): void {
    app.received.push(message);
    app.receivedTotal++;
    app.receivedAs.push(++this.#count);
    this.#listed.set(this.#count, { app, message });
    this.#weight += weigh(message);
    // in one go, not one by one: moving ten thousand entries for every message would be quadratic
    if (app.received.length > MAX_RECEIVED * 1.1) {
      const tooMany = app.received.length - MAX_RECEIVED;
      app.received.splice(0, tooMany);
      for (const old of app.receivedAs.splice(0, tooMany)) this.#forget(old);
    }
    while (this.#weight > MAX_WEIGHT && this.#listed.size > 1) {
      const oldest = this.#oldest.next() as number;
      const { app: owner, message: gone } = this.#listed.get(oldest) as { app: AppInstance; message: DeviceMessage };
      owner.received.shift();
      owner.receivedAs.shift();
      if (gone.inboxId !== undefined) owner.unconfirmed.delete(gone.inboxId);
      this.#forget(oldest);
    }
  }

  /** All apps are gone. */
  reset(): void {
    this.#listed.clear();
    this.#weight = 0;
  }

  #forget(number: number): void {
    const { message } = this.#listed.get(number) as { message: DeviceMessage };
    this.#listed.delete(number);
    this.#weight -= weigh(message);
    this.#counters.receivedPruned++;
  }
}

function weigh({ data, notification, messageId, collapseKey, from, token }: DeviceMessage): number {
  const words = from.length + token.length + (messageId?.length ?? 0) + (collapseKey?.length ?? 0);
  return 500 + words + weightOf(data) + weightOf(notification);
}
