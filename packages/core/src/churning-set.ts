import { ChurningMap } from "./churning-map.ts";

/** Insertion-ordered set for short-lived members: the keys of a {@link ChurningMap}. */
export class ChurningSet<T> implements Iterable<T> {
  readonly #members = new ChurningMap<T, true>();

  /** Number of members. */
  get size(): number {
    return this.#members.size;
  }

  /** True for a member. */
  has(member: T): boolean {
    return this.#members.has(member);
  }

  /** Adds a member; one that exists keeps its place in the order. */
  add(member: T): void {
    this.#members.set(member, true);
  }

  /** Removes a member; returns `false` if it was none. */
  delete(member: T): boolean {
    return this.#members.delete(member);
  }

  /** Members in the order of insertion. A loop may still give what is deleted meanwhile, which `delete` tells, and may leave out what is added. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.keys();
  }
}
