import { oldestFirst } from "../oldest-first.ts";
import type { Delivery } from "./message.ts";

/** Text of all messages that wait for their devices; the oldest make room. Ours. Unit: characters. */
const MAX_TEXT = 64 * 1_048_576;
/** What a waiting message costs beside its text. */
const BASE = 500;

/** Every message that waits for a device, whichever it is: each app has a limit of its own, and all of them together have this one. */
export class WaitingMessages {
  readonly #deliveries = new Map<Delivery, undefined>();
  readonly #nextOldest = oldestFirst(this.#deliveries);
  /** How many wait with this text: one request to a thousand recipients is a thousand messages with one text. */
  readonly #texts = new Map<string, number>();
  #weight = 0;

  add(delivery: Delivery): void {
    const { wire } = delivery.captured;
    this.#deliveries.set(delivery, undefined);
    const sharing = this.#texts.get(wire) ?? 0;
    this.#texts.set(wire, sharing + 1);
    // the text, and what was read from it
    this.#weight += BASE + (sharing === 0 ? 2 * wire.length : 0);
  }

  /** It does not wait any more. */
  forget(delivery: Delivery): void {
    if (!this.#deliveries.delete(delivery)) return;
    const { wire } = delivery.captured;
    const sharing = (this.#texts.get(wire) ?? 1) - 1;
    if (sharing === 0) this.#texts.delete(wire);
    else this.#texts.set(wire, sharing);
    this.#weight -= BASE + (sharing === 0 ? 2 * wire.length : 0);
  }

  /** The one that has to go, if any: it is forgotten. */
  takeOverflow(): Delivery | undefined {
    if (this.#weight <= MAX_TEXT || this.#deliveries.size <= 1) return undefined;
    const oldest = this.#nextOldest() as Delivery;
    this.forget(oldest);
    return oldest;
  }

  reset(): void {
    this.#deliveries.clear();
    this.#texts.clear();
    this.#weight = 0;
  }
}
