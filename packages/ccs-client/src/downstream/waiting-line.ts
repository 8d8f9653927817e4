/** What can wait in a line. It carries its place itself, so that leaving from the middle costs nothing. */
export interface Waiting<T> {
  /** Its place: lower goes first. */
  readonly sequence: number;
  waiting: boolean;
  previous: T | undefined;
  next: T | undefined;
}

/** Messages that wait for room on a connection, in the order they were given, whenever they come (back) into the line. */
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

  /** What comes back goes before what was given later; the search starts at the end where it is likely to belong. */
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
