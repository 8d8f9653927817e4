import type { DeliveredContent, Delivery } from "./app-instance.ts";
import { OldestFirst } from "./oldest-first.ts";
import type { ModelCounters } from "./ports.ts";
import { weightOf } from "./weight.ts";

/** Maximum text of all stored messages; the oldest are dropped. Implementation limit. Unit: characters. */
const MAX_TEXT = 64 * 1_048_576;
/** Cost of a stored message besides its text. */
const BASE = 500;

/** Text shared by several stored messages: one request to a thousand recipients stores its text once. */
interface Shared {
  readonly weight: number;
  holders: number;
}

/** Stored messages of all devices, bounded in total; each app has its own limit as well. */
export class WaitingMessages {
  readonly #deliveries = new Map<number, Delivery>();
  readonly #oldest = new OldestFirst(this.#deliveries);
  readonly #texts = new Map<string, Shared & { readonly text: string }>();
  readonly #contents = new Map<object, Shared>();
  readonly #counters: Pick<ModelCounters, "waiting">;
  #weight = 0;
  #count = 0;

  constructor(counters: Pick<ModelCounters, "waiting">) {
    this.#counters = counters;
  }

  add(delivery: Delivery): void {
    const { captured } = delivery;
    delivery.waitingAs = ++this.#count;
    this.#deliveries.set(delivery.waitingAs, delivery);
    this.#counters.waiting++;
    const { wire } = captured;
    const shared = this.#texts.get(wire);
    // equal texts of different requests are stored once
    if (shared !== undefined) (captured as { wire: string }).wire = shared.text;
    this.#hold(this.#texts, wire, () => ({ text: wire, weight: wire.length }));
    const { data, notification } = contentOf(delivery);
    this.#hold(this.#contents, notification ?? data, () => ({ weight: weightOf(data) + weightOf(notification) }));
    this.#weight += BASE;
  }

  /** Removes a message that is no longer stored. */
  forget(delivery: Delivery): void {
    if (delivery.waitingAs === undefined || !this.#deliveries.delete(delivery.waitingAs)) return;
    delivery.waitingAs = undefined;
    this.#counters.waiting--;
    this.#release(this.#texts, delivery.captured.wire);
    const { data, notification } = contentOf(delivery);
    this.#release(this.#contents, notification ?? data);
    this.#weight -= BASE;
  }

  /** Removes and returns the message to drop, if the limit is exceeded. */
  takeOverflow(): Delivery | undefined {
    if (this.#weight <= MAX_TEXT || this.#deliveries.size <= 1) return undefined;
    const oldest = this.#deliveries.get(this.#oldest.next() as number) as Delivery;
    this.forget(oldest);
    return oldest;
  }

  reset(): void {
    this.#counters.waiting = 0;
    this.#deliveries.clear();
    this.#texts.clear();
    this.#contents.clear();
    this.#weight = 0;
  }

  #hold<K, S extends { readonly weight: number }>(all: Map<K, S & { holders: number }>, key: K, make: () => S): void {
    const known = all.get(key);
    if (known !== undefined) {
      known.holders++;
      return;
    }
    const made = { ...make(), holders: 1 };
    all.set(key, made);
    this.#weight += made.weight;
  }

  #release<K>(all: Map<K, Shared>, key: K): void {
    const known = all.get(key);
    if (known === undefined || --known.holders > 0) return;
    all.delete(key);
    this.#weight -= known.weight;
  }
}

/** Parsed content of the text, shared by the recipients of a request. */
const contentOf = ({ content, captured }: Delivery): DeliveredContent => content ?? captured;
