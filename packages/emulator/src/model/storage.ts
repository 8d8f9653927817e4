import type { Random } from "@cloud-messaging/core";

/** Distinct collapse keys stored per app on a device. Source: docs/emulator-fidelity.md#storage */
export const MAX_COLLAPSE_KEYS = 4;
/** Non-collapsible messages stored per app on a device. Source: docs/emulator-fidelity.md#storage */
export const MAX_STORED = 100;

/** Why a message waits: the device is away, it sleeps and the message can wait, or the app had its share for now. */
export type WaitingFor = "connection" | "activity" | "throttle";

/** A message that waits on the service for its device. */
export interface Stored<T> {
  readonly message: T;
  /** `undefined`: not collapsible. */
  readonly collapseKey: string | undefined;
  readonly waitingFor: WaitingFor;
}

/** What storing one message did to others, and perhaps to itself. */
export interface StoreEffect<T> {
  /** The older message of the same collapse key that it took the place of. */
  readonly collapsed?: Stored<T>;
  /** The message of another collapse key that had to go, since only so many keys are kept. */
  readonly evicted?: Stored<T>;
  /** The limit was hit: all stored non-collapsible messages and this one are gone, and a marker stands for them. */
  readonly discarded?: readonly Stored<T>[];
}

/** Which collapse key goes when there is one too many: the documentation does not say. */
export type EvictionRule = "oldest" | "random";

/**
 * What the service keeps for one app on one device: a slot per collapse key, a list of the rest, and the marker that says how many
 * messages were discarded.
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

  /** Messages without a collapse key that are stored at most. */
  get limit(): number {
    return this.#limit;
  }

  /** Collapse keys that are stored at most. */
  get maxCollapseKeys(): number {
    return this.#maxCollapseKeys;
  }

  /** Until when the app would be told of the marker. The service's time, milliseconds since the epoch. */
  get markerUntil(): number {
    return this.#markerUntil;
  }

  /** How many messages the marker stands for; 0 when there is none. */
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
      // the one over the limit is discarded with those it found
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
    return evicted === undefined ? {} : { evicted };
  }

  /** Removes and returns what matches, in the order it was stored; slots before the list. */
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

  /** A message was discarded without being stored; the marker counts it, and is not given to the app after that time. */
  countDiscarded(markerUntil: number): void {
    this.#deleted++;
    this.#markerUntil = markerUntil;
  }

  /** The marker's count, once, 0 when its time has passed; counting starts again from 0. */
  takeDeleted(now: number): number {
    const deleted = now <= this.#markerUntil ? this.#deleted : 0;
    this.#deleted = 0;
    this.#markerUntil = Number.POSITIVE_INFINITY;
    return deleted;
  }

  /** Puts a saved marker back. */
  restoreDeleted(count: number, markerUntil: number): void {
    this.#deleted = count;
    this.#markerUntil = markerUntil;
  }

  /** What is stored, without taking it. */
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
