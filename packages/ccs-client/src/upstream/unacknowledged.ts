import type { DeliverySource } from "./delivery-queue.ts";

/** Deliveries of each connection that nobody has acknowledged, up to a limit. */
export class Unacknowledged {
  readonly #limit: number;
  readonly #bySource = new WeakMap<DeliverySource, Set<string>>();

  /** @param limit Deliveries of one connection. Range: 0 or more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts a delivery; `false` for one that is beyond the limit, which is then to be acknowledged as it comes. */
  hold(source: DeliverySource, key: string): boolean {
    if (this.#limit === Number.POSITIVE_INFINITY) return true;
    let keys = this.#bySource.get(source);
    if (keys === undefined) {
      keys = new Set();
      this.#bySource.set(source, keys);
    }
    if (keys.size >= this.#limit && !keys.has(key)) return false;
    keys.add(key);
    return true;
  }

  /** A delivery has been acknowledged. */
  release(source: DeliverySource, key: string): void {
    this.#bySource.get(source)?.delete(key);
  }
}
