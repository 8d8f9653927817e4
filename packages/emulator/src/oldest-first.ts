/**
 * Gives the smallest key of a map whose keys are numbers that count up, while the map goes on changing. It remembers a number and no
 * iterator: one that rests holds on to all that the map held before, and a new one each time walks over all that was deleted.
 */
export class OldestFirst {
  readonly #map: ReadonlyMap<number, unknown>;
  #from = 0;

  constructor(map: ReadonlyMap<number, unknown>) {
    this.#map = map;
  }

  /** The smallest key; `undefined` of an empty map. */
  next(): number | undefined {
    if (this.#map.size === 0) return undefined;
    // each number is passed once
    while (!this.#map.has(this.#from)) this.#from++;
    return this.#from;
  }

  /** From now on no key is smaller than this one. */
  startAt(key: number): void {
    this.#from = key;
  }
}
