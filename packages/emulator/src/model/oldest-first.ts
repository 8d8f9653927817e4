/**
 * Returns the smallest key of a changing map with ascending numeric keys. Keeps a number instead of an iterator: an idle iterator retains
 * every earlier table of the map, and a new one steps over all deleted entries.
 */
export class OldestFirst {
  readonly #map: ReadonlyMap<number, unknown>;
  #from = 0;

  constructor(map: ReadonlyMap<number, unknown>) {
    this.#map = map;
  }

  /** Smallest key; `undefined` for an empty map. */
  next(): number | undefined {
    if (this.#map.size === 0) return undefined;
    // amortized: each number is passed once
    while (!this.#map.has(this.#from)) this.#from++;
    return this.#from;
  }

  /** Sets a lower bound of the keys. */
  startAt(key: number): void {
    this.#from = key;
  }
}
