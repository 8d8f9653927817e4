/** Node of a waiting line: an intrusive linked list, so that removal takes constant time. */
export interface Waiting<T> {
  /** Position: lower goes first. */
  readonly sequence: number;
  waiting: boolean;
  previous: T | undefined;
  next: T | undefined;
}

/** Messages waiting for capacity, ordered by sequence number. */
export class WaitingLine<T extends Waiting<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first;
  }

  /** Inserts an item by its sequence number: at the end if it is the highest, otherwise searched from the front. */
  add(item: T): void {
    if (item.waiting) return;
    let before: T | undefined;
    if (this.#last === undefined || this.#last.sequence < item.sequence) before = this.#last;
    else {
      let after = this.#first;
      while (after !== undefined && after.sequence < item.sequence) after = after.next;
      before = after?.previous;
    }
    const after = before === undefined ? this.#first : before.next;
    item.previous = before;
    item.next = after;
    if (before === undefined) this.#first = item;
    else before.next = item;
    if (after === undefined) this.#last = item;
    else after.previous = item;
    item.waiting = true;
    this.#size++;
  }

  remove(item: T): void {
    if (!item.waiting) return;
    const { previous, next } = item;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    item.previous = item.next = undefined;
    item.waiting = false;
    this.#size--;
  }
}
