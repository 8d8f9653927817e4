/** Deletions after which even a small set is copied. */
const MIN_DELETIONS = 64;

/**
 * A `Set` whose members come and go all the time, in the order they came. It is copied into a fresh one every so often: a `Set` of V8
 * that is used for long replaces its table again and again, and each old table points to the next. Once one of them is old enough to
 * be left to the major collector, everything that passes through the set is kept for it too: a quarter of the cost of a message.
 */
export class ChurningSet<T> implements Iterable<T> {
  #set = new Set<T>();
  #deletions = 0;

  /** Number of members. */
  get size(): number {
    return this.#set.size;
  }

  /** `true` for a member. */
  has(member: T): boolean {
    return this.#set.has(member);
  }

  /** Adds a member; one that is there stays in its place. */
  add(member: T): void {
    this.#set.add(member);
  }

  /** `false`: it was no member. */
  delete(member: T): boolean {
    if (!this.#set.delete(member)) return false;
    // as many deletions as members: copying costs each deletion one step
    if (++this.#deletions > Math.max(MIN_DELETIONS, this.#set.size)) {
      this.#deletions = 0;
      this.#set = new Set(this.#set);
    }
    return true;
  }

  /** In the order they came. What is deleted during the loop may still come up, and what is added may not: `delete` tells which. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#set.values();
  }
}
