/** Entries by a number that only grows, readable in pages: appending, replacing and deleting cost no more with many than with few. */
export class OrderedEntries<V> {
  readonly #values = new Map<number, V>();
  /** Every number that has been used, in their order, since the last clearing: those deleted since have no value. */
  #ids: number[] = [];

  get size(): number {
    return this.#values.size;
  }

  /** @param id One that is present, or greater than every one before. */
  set(id: number, value: V): void {
    if (!this.#values.has(id)) this.#ids.push(id);
    this.#values.set(id, value);
  }

  delete(id: number): void {
    if (!this.#values.delete(id)) return;
    if (this.#ids.length > 64 && this.#ids.length > 2 * this.#values.size) {
      this.#ids = this.#ids.filter((each) => this.#values.has(each));
    }
  }

  /** Entries whose number is greater than the given one, in order. */
  *after(id: number): Generator<readonly [number, V], void, undefined> {
    for (let position = this.#positionAfter(id); position < this.#ids.length; position++) {
      const each = this.#ids[position] as number;
      const value = this.#values.get(each);
      if (value !== undefined) yield [each, value];
    }
  }

  #positionAfter(id: number): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] as number) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
