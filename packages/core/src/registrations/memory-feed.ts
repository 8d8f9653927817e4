import { callListener } from "../call-listener.ts";
import { ChangesLostError } from "../errors.ts";
import { unknownCursor } from "./read-registration.ts";
import type { RegistrationChange } from "./registration.ts";
import type { NewChange } from "./registration-rules.ts";
import type { ChangePage, ChangeQuery } from "./registration-store.ts";

/** Change feed in memory: the last changes, and listeners that are told of each, in order, even when one makes another change. */
export class MemoryFeed {
  readonly #limit: number;
  readonly #listeners = new Set<(change: RegistrationChange) => void>();
  readonly #waiting: RegistrationChange[] = [];
  #kept: RegistrationChange[] = [];
  /** Number of the first that is kept; the next one's is this plus how many are kept. */
  #first = 1;
  #delivering = false;

  /** @param limit Changes kept at the least; twice as many at most. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  append(change: NewChange, at: number): void {
    const placed = { ...change, cursor: String(this.#first + this.#kept.length), at } as RegistrationChange;
    this.#kept.push(placed);
    if (this.#kept.length > 2 * this.#limit) {
      this.#first += this.#kept.length - this.#limit;
      this.#kept = this.#kept.slice(-this.#limit);
    }
    if (this.#listeners.size > 0) this.#waiting.push(placed);
  }

  /** Tells the listeners what was appended: after the call that did it, so that they see a whole state. */
  deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      for (const listener of [...this.#listeners]) {
        callListener("registration-store", "change-listener-failed", listener, next);
      }
    }
    this.#delivering = false;
  }

  read({ from, limit }: ChangeQuery): ChangePage {
    const end = this.#first + this.#kept.length - 1;
    if (from === "newest") return { changes: [], cursor: String(end) };
    const last = from === "oldest" ? this.#first - 1 : Number(from);
    if (!Number.isInteger(last) || last < 0 || last > end) throw unknownCursor("from");
    if (last < this.#first - 1) throw new ChangesLostError();
    const changes = this.#kept.slice(last + 1 - this.#first, last + 1 - this.#first + limit);
    return { changes, cursor: changes.at(-1)?.cursor ?? String(last) };
  }

  listen(listener: (change: RegistrationChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
