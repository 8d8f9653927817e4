/**
 * A bounded map: remembers at least the last `limit` entries and at most twice as many, at a constant cost per entry. Entries are dropped
 * a generation at a time, since deleting the oldest key of a `Map` one by one gets slower with every key that was deleted before it.
 */
export class RecentMap<K, V> {
  readonly #limit: number;
  #current = new Map<K, V>();
  #previous = new Map<K, V>();

  /** @param limit Entries remembered at the least. Range: 1 or more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `true` while nothing is remembered. */
  get empty(): boolean {
    return this.#current.size === 0 && this.#previous.size === 0;
  }

  get(key: K): V | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }

  /** Remembers the entry as the newest one. */
  set(key: K, value: V): void {
    if (this.#current.size >= this.#limit && !this.#current.has(key)) {
      this.#previous = this.#current;
      this.#current = new Map();
    }
    this.#current.set(key, value);
  }

  delete(key: K): void {
    this.#current.delete(key);
    this.#previous.delete(key);
  }
}
