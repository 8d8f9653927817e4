import type { AppInstance, DeviceMessage } from "./app-instance.ts";
import { OldestFirst } from "./oldest-first.ts";
import type { ModelCounters } from "./ports.ts";
import { weightOf } from "./weight.ts";

/** Maximum number of messages that an app lists; the oldest are dropped. Implementation limit. */
const MAX_RECEIVED = 10_000;
/** Maximum text that all apps together list. Implementation limit. Unit: characters. */
const MAX_WEIGHT = 64 * 1_048_576;

/** Messages received by apps, bounded per app and in total: the oldest are dropped. */
export class ReceivedMessages {
  /** Listed messages by number. `receivedAs` of an app has the numbers of its `received`, in the same order. */
  readonly #listed = new Map<number, { readonly app: AppInstance; readonly message: DeviceMessage }>();
  readonly #oldest = new OldestFirst(this.#listed);
  readonly #counters: ModelCounters;
  #weight = 0;
  #count = 0;

  constructor(counters: ModelCounters) {
    this.#counters = counters;
  }

  add(app: AppInstance, message: DeviceMessage): void {
    app.received.push(message);
    app.receivedTotal++;
    app.receivedAs.push(++this.#count);
    this.#listed.set(this.#count, { app, message });
    this.#weight += weigh(message);
    // dropped in bulk: shifting ten thousand entries per message would be quadratic
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

  /** Removes everything. */
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
