/** Minimum number of deletions before a copy. */
const MIN_DELETIONS = 64;

/**
 * Insertion-ordered map for short-lived entries, copied into a new `Map` from time to time. A long-lived `Map` of V8 replaces its table
 * repeatedly, and each old table points to the next one. Once an old table is in the old generation, it keeps all later entries alive until
 * the next major garbage collection, which made up a third of the cost of a message.
 */
export class ChurningMap<V> {
  #map = new Map<string, V>();
  #deletions = 0;

  get size(): number {
    return this.#map.size;
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  set(key: string, value: V): void {
    this.#map.set(key, value);
  }

  delete(key: string): void {
    this.#map.delete(key);
    // as many deletions as entries: amortized constant time
    if (++this.#deletions <= Math.max(MIN_DELETIONS, this.#map.size)) return;
    this.#deletions = 0;
    const fresh = new Map<string, V>();
    // the constructor's iteration makes an array per entry
    this.#map.forEach((value, key) => void fresh.set(key, value));
    this.#map = fresh;
  }

  clear(): void {
    this.#map = new Map();
    this.#deletions = 0;
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  entries(): IterableIterator<[string, V]> {
    return this.#map.entries();
  }
}
