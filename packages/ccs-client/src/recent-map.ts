/**
 * Remembers at least the last `size` entries and at most twice as many, at a constant cost: entries are dropped a generation at a
 * time. (Deleting the oldest key of a `Map` one by one gets slower with the size of the map.)
 */
export class RecentMap<V> {
  readonly #size: number;
  #current = new Map<string, V>();
  #previous = new Map<string, V>();

  /** @param size Range: 1 or more. */
  constructor(size: number) {
    this.#size = size;
  }

  get(key: string): V | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }

  set(key: string, value: V): void {
    if (this.#current.size >= this.#size && !this.#current.has(key)) {
      this.#previous = this.#current;
      this.#current = new Map();
    }
    this.#current.set(key, value);
  }

  delete(key: string): void {
    this.#current.delete(key);
    this.#previous.delete(key);
  }
}
