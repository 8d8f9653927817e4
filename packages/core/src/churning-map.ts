/** Number of deletions below which no map is copied. */
const MIN_DELETIONS = 64;

/**
 * Insertion-ordered map for short-lived entries, copied into a new `Map` from time to time. A long-lived `Map` of V8 replaces its table
 * repeatedly, and each old table points to the next one. Once an old table is in the old generation, it keeps all later entries alive until
 * the next major garbage collection: a quarter to a third of the cost of a message.
 *
 * A loop over it may still give what is deleted meanwhile, and may leave out what is added.
 */
export class ChurningMap<K, V> {
  #map = new Map<K, V>();
  #deletions = 0;

  /** Number of entries. */
  get size(): number {
    return this.#map.size;
  }

  /** True for a key that has an entry. */
  has(key: K): boolean {
    return this.#map.has(key);
  }

  /** Returns the value of a key; `undefined` without an entry. */
  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  /** Sets the value of a key. An entry that exists keeps its place in the order. */
  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  /** Removes an entry; returns `false` if there was none. */
  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    // as many deletions as entries: amortized constant time
    if (++this.#deletions > Math.max(MIN_DELETIONS, this.#map.size)) this.#copy();
    return true;
  }

  /** Removes all entries. */
  clear(): void {
    this.#map = new Map();
    this.#deletions = 0;
  }

  /** Keys in the order of insertion. */
  keys(): IterableIterator<K> {
    return this.#map.keys();
  }

  /** Values in the order of insertion. */
  values(): IterableIterator<V> {
    return this.#map.values();
  }

  /** Keys and values in the order of insertion. */
  entries(): IterableIterator<[K, V]> {
    return this.#map.entries();
  }

  #copy(): void {
    const fresh = new Map<K, V>();
    // the constructor's iteration makes an array per entry
    this.#map.forEach((value, key) => void fresh.set(key, value));
    this.#map = fresh;
    this.#deletions = 0;
  }
}
