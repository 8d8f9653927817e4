/** Unacknowledged deliveries of each connection, up to a limit. A connection is recognised by identity. */
export class Unacknowledged {
  readonly #limit: number;
  readonly #bySource = new WeakMap<object, Set<string>>();

  /** @param limit Maximum number of unacknowledged deliveries of one connection. Range: 0 or more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts a delivery. Returns `false` beyond the limit: that delivery has to be acknowledged on arrival. */
  hold(source: object, key: string): boolean {
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

  /** Removes an acknowledged delivery. */
  release(source: object, key: string): void {
    this.#bySource.get(source)?.delete(key);
  }
}
