import { ChurningMap } from "@cloud-messaging/core/transport";

/**
 * Queue with one line per key. Items of a line run one after the other; lines run in the order in which they became ready. Either the
 * first item of a line runs, or the line is ready, or it is parked until `unpark`.
 */
export class OrderedLines<T> {
  readonly #lines = new ChurningMap<string, T[]>();
  /** Keys of the ready lines, longest waiting first. */
  #ready: string[] = [];
  readonly #parked = new Set<string>();

  /** True if the first item of some line may run. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Appends an item to the line of the key. */
  add(key: string, item: T): void {
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, [item]);
      this.#ready.push(key);
    } else line.push(item);
  }

  /** Takes the longest ready line and returns its key and first item; `undefined` without one. The item stays in the line. */
  start(): { readonly key: string; readonly item: T } | undefined {
    const key = this.#ready.shift();
    const item = key === undefined ? undefined : this.#lines.get(key)?.[0];
    return key === undefined || item === undefined ? undefined : { key, item };
  }

  /** Removes the running item of a line; the next one becomes ready. */
  finish(key: string): void {
    const line = this.#lines.get(key);
    if (line === undefined) return;
    line.shift();
    if (line.length === 0) this.#lines.delete(key);
    else this.#ready.push(key);
  }

  /** Keeps the running item and makes its line ready again, before all others. */
  restart(key: string): void {
    if (this.#lines.get(key) !== undefined) this.#ready.unshift(key);
  }

  /** Keeps the running item and parks its line. */
  park(key: string): void {
    if (this.#lines.get(key) !== undefined) this.#parked.add(key);
  }

  /** Makes every parked line ready. */
  unpark(): void {
    this.#ready.push(...this.#parked);
    this.#parked.clear();
  }

  /** Removes every item that the predicate does not accept. */
  retain(accepts: (item: T) => boolean): void {
    for (const [key, line] of [...this.#lines.entries()]) {
      const kept = line.filter(accepts);
      if (kept.length > 0) this.#lines.set(key, kept);
      else {
        this.#lines.delete(key);
        this.#parked.delete(key);
      }
    }
    this.#ready = this.#ready.filter((key) => this.#lines.has(key));
  }
}
