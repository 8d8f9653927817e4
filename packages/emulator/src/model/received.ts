import { oldestFirst } from "../oldest-first.ts";
import type { Counters } from "../stats.ts";
import type { AppInstance, DeviceMessage } from "./devices.ts";

/** Messages an app lists at most; older ones make room. Ours. */
const MAX_RECEIVED = 10_000;
/** Text that all apps together list at most. Ours. Unit: characters. */
const MAX_WEIGHT = 64 * 1_048_576;

/** What apps received, bounded for each app and for all of them together: the oldest make room. */
export class ReceivedMessages {
  readonly #listed = new Map<DeviceMessage, AppInstance>();
  readonly #nextOldest = oldestFirst(this.#listed);
  readonly #counters: Counters;
  #weight = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  add(app: AppInstance, message: DeviceMessage): void {
    app.received.push(message);
    app.receivedTotal++;
    this.#listed.set(message, app);
    this.#weight += weigh(message);
    // in one go, not one by one: moving ten thousand entries for every message would be quadratic
    if (app.received.length > MAX_RECEIVED * 1.1) {
      for (const old of app.received.splice(0, app.received.length - MAX_RECEIVED)) this.#forget(old);
    }
    while (this.#weight > MAX_WEIGHT && this.#listed.size > 1) {
      const oldest = this.#nextOldest() as DeviceMessage;
      const owner = this.#listed.get(oldest) as AppInstance;
      owner.received.shift();
      if (oldest.inboxId !== undefined) owner.unconfirmed.delete(oldest.inboxId);
      this.#forget(oldest);
    }
  }

  /** All apps are gone. */
  reset(): void {
    this.#listed.clear();
    this.#weight = 0;
  }

  #forget(message: DeviceMessage): void {
    this.#listed.delete(message);
    this.#weight -= weigh(message);
    this.#counters.receivedPruned++;
  }
}

function weigh({ data, notification, messageId, collapseKey, from, token }: DeviceMessage): number {
  let weight = 500 + from.length + token.length + (messageId?.length ?? 0) + (collapseKey?.length ?? 0);
  for (const key in data) weight += key.length + (data[key]?.length ?? 0);
  for (const key in notification) weight += key.length + String(notification[key]).length;
  return weight;
}
