/** Deletions after which even a small map is made anew. */
const MIN_DELETIONS = 64;

/**
 * A `Map` whose entries come and go all the time, in the order they came. It is copied into a fresh one every so often: a `Map` of V8
 * that is used for long replaces its table again and again, and each old table points to the next. Once one of them is old enough to
 * be left to the major collector, everything that passes through the map is kept for it too: a third of the cost of a message.
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
    // as many deletions as entries: copying costs each deletion one step
    if (++this.#deletions <= Math.max(MIN_DELETIONS, this.#map.size)) return;
    this.#deletions = 0;
    this.#map = new Map(this.#map);
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
