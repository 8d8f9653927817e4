import type { Random } from "@cloud-messaging/core";
import { defined } from "@cloud-messaging/core/transport";

/** Maximum number of collapse keys stored per app on a device. Source: docs/emulator-fidelity.md#storage */
export const MAX_COLLAPSE_KEYS = 4;
/** Maximum number of non-collapsible messages stored per app on a device. Source: docs/emulator-fidelity.md#storage */
const MAX_STORED = 100;

/** Reason for storing a message: device disconnected, device idle, or app throttled. */
export type WaitingFor = "connection" | "activity" | "throttle";

/** Message stored for a device. */
export interface Stored<T> {
  readonly message: T;
  /** Collapse key; `undefined`: not collapsible. */
  readonly collapseKey: string | undefined;
  readonly waitingFor: WaitingFor;
}

/** Effect of storing a message on others, and on itself. */
export interface StoreEffect<T> {
  /** Older message of the same collapse key that it replaced. */
  readonly collapsed?: Stored<T>;
  /** Message of another collapse key that was dropped at the limit of keys. */
  readonly evicted?: Stored<T>;
  /** The limit was exceeded: all stored non-collapsible messages and this one were discarded, and a marker replaces them. */
  readonly discarded?: readonly Stored<T>[];
}

/** Collapse key to drop at the limit; the documentation of the service does not specify it. */
export type EvictionRule = "oldest" | "random";

/**
 * Messages stored for one app on one device: one per collapse key, a list of non-collapsible ones, and the marker with the number of
 * discarded messages.
 */
export class MessageStorage<T> {
  readonly #slots = new Map<string, Stored<T>>();
  readonly #list: Stored<T>[] = [];
  readonly #eviction: EvictionRule;
  readonly #random: Random;
  readonly #limit: number;
  readonly #maxCollapseKeys: number;
  #deleted = 0;
  #markerUntil = Number.POSITIVE_INFINITY;

  constructor(
    eviction: EvictionRule,
    random: Random,
    limit: number = MAX_STORED,
    maxCollapseKeys: number = MAX_COLLAPSE_KEYS,
  ) {
    this.#eviction = eviction;
    this.#random = random;
    this.#limit = limit;
    this.#maxCollapseKeys = maxCollapseKeys;
  }

  get size(): number {
    return this.#slots.size + this.#list.length;
  }

  /** Maximum number of stored messages without a collapse key. */
  get limit(): number {
    return this.#limit;
  }

  /** Maximum number of stored collapse keys. */
  get maxCollapseKeys(): number {
    return this.#maxCollapseKeys;
  }

  /** Expiry of the marker, in the service's time. Unit: milliseconds since the epoch. */
  get markerUntil(): number {
    return this.#markerUntil;
  }

  /** Number of messages that the marker stands for; 0 without a marker. */
  get deleted(): number {
    return this.#deleted;
  }

  add(stored: Stored<T>): StoreEffect<T> {
    const key = stored.collapseKey;
    if (key === undefined) {
      if (this.#list.length < this.#limit) {
        this.#list.push(stored);
        return {};
      }
      // the message that exceeds the limit is discarded with the stored ones
      const discarded = [...this.#list.splice(0), stored];
      this.#deleted += discarded.length;
      return { discarded };
    }
    const older = this.#slots.get(key);
    if (older !== undefined) {
      this.#slots.delete(key);
      this.#slots.set(key, stored);
      return { collapsed: older };
    }
    const evicted = this.#slots.size < this.#maxCollapseKeys ? undefined : this.#evict();
    this.#slots.set(key, stored);
    return defined({ evicted });
  }

  /** Removes and returns matching messages in storage order; those with collapse keys first. */
  take(matches: (stored: Stored<T>) => boolean = () => true): Stored<T>[] {
    const taken: Stored<T>[] = [];
    for (const [key, stored] of this.#slots) {
      if (!matches(stored)) continue;
      this.#slots.delete(key);
      taken.push(stored);
    }
    const kept: Stored<T>[] = [];
    for (const stored of this.#list) (matches(stored) ? taken : kept).push(stored);
    this.#list.splice(0, this.#list.length, ...kept);
    return taken;
  }

  has(stored: Stored<T>): boolean {
    const { collapseKey } = stored;
    return collapseKey === undefined ? this.#list.includes(stored) : this.#slots.get(collapseKey) === stored;
  }

  remove(stored: Stored<T>): void {
    if (!this.has(stored)) return;
    if (stored.collapseKey === undefined) this.#list.splice(this.#list.indexOf(stored), 1);
    else this.#slots.delete(stored.collapseKey);
  }

  /** Counts a discarded message on the marker, which expires at the given time. */
  countDiscarded(markerUntil: number): void {
    this.#deleted++;
    this.#markerUntil = markerUntil;
  }

  /** Returns and resets the count of the marker; 0 if it has expired. */
  takeDeleted(now: number): number {
    const deleted = now <= this.#markerUntil ? this.#deleted : 0;
    this.#deleted = 0;
    this.#markerUntil = Number.POSITIVE_INFINITY;
    return deleted;
  }

  /** Restores a saved marker. */
  restoreDeleted(count: number, markerUntil: number): void {
    this.#deleted = count;
    this.#markerUntil = markerUntil;
  }

  /** Iterates over the stored messages. */
  *[Symbol.iterator](): IterableIterator<Stored<T>> {
    yield* this.#slots.values();
    yield* this.#list;
  }

  #evict(): Stored<T> | undefined {
    const keys = [...this.#slots.keys()];
    const key = keys[this.#eviction === "oldest" ? 0 : Math.floor(this.#random() * keys.length)] as string;
    const evicted = this.#slots.get(key);
    this.#slots.delete(key);
    return evicted;
  }
}
