import { ChurningMap, type MonotonicInstant } from "@cloud-messaging/core/transport";

/** One message in flight on a connection. */
export interface PendingSlot<T> {
  readonly id: string;
  readonly value: T;
  /** Time of the write. Unit: milliseconds since the epoch. */
  readonly writtenAt: number;
  /** Monotonic instant of the write, from which the time-out counts. */
  readonly countsFrom: MonotonicInstant;
  /** Batch that it was written with. Until that is flushed, nothing of it has left this process. */
  readonly batch: number;
  /** True once it exceeded its time-out. The slot stays reserved until CCS answers. */
  expired: boolean;
}

/**
 * Flow control window of one connection: one slot per message in flight. Only the answer of CCS releases a slot, since CCS counts the
 * message until then, whatever this side has decided about it.
 *
 * Source: docs/protocol/ccs.md#flow-control
 */
export class PendingWindow<T> {
  readonly #limit: number;
  /** In order of writing. */
  readonly #slots = new ChurningMap<string, PendingSlot<T>>();

  /** @param limit Range: 1 to 100. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Number of messages that may still be written. */
  get capacity(): number {
    return this.#limit - this.#slots.size;
  }

  has(id: string): boolean {
    return this.#slots.has(id);
  }

  /**
   * Reserves a slot. Requires capacity, and an ID that is not in use here.
   *
   * @param writtenAt Time of the write. Unit: milliseconds since the epoch.
   * @param countsFrom Monotonic instant of the write.
   */
  reserve(id: string, value: T, writtenAt: number, countsFrom: MonotonicInstant, batch: number): void {
    this.#slots.set(id, { id, value, writtenAt, countsFrom, batch, expired: false });
  }

  /** Releases and returns the slot of an answered message; `undefined` for an ID that is not in flight here. */
  settle(id: string): PendingSlot<T> | undefined {
    const slot = this.#slots.get(id);
    if (slot !== undefined) this.#slots.delete(id);
    return slot;
  }

  /** Monotonic instant of the oldest write that is neither answered nor expired. */
  get oldest(): MonotonicInstant | undefined {
    for (const slot of this.#slots.values()) if (!slot.expired) return slot.countsFrom;
    return undefined;
  }

  /** Marks the messages written at or before `until` as expired; returns those newly marked. */
  expire(until: MonotonicInstant): PendingSlot<T>[] {
    const late: PendingSlot<T>[] = [];
    for (const slot of this.#slots.values()) {
      if (slot.countsFrom > until) break;
      if (slot.expired) continue;
      slot.expired = true;
      late.push(slot);
    }
    return late;
  }

  /** Empties the window of an ended connection; returns its slots in order of writing. */
  failAll(): PendingSlot<T>[] {
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    return slots;
  }
}
