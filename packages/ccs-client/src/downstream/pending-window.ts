import type { MonotonicInstant } from "@cloud-messaging/core";
import { ChurningMap } from "../churning-map.ts";

/** One message that was written on a connection and is not answered yet. */
export interface PendingSlot<T> {
  readonly id: string;
  readonly value: T;
  /** Milliseconds since the epoch. */
  readonly writtenAt: number;
  /** Instant of the same write: its time-out counts from here. */
  readonly countsFrom: MonotonicInstant;
  /** The write it went out with: as long as that was not flushed, nothing has left. */
  readonly batch: number;
  /** It was not answered in time and has been moved elsewhere; the slot stays taken until CCS answers. */
  expired: boolean;
}

/**
 * Flow control of one connection: as many slots as CCS lets it leave unanswered. A slot is given back by the answer alone, since
 * CCS still counts the message whatever our side has decided about it.
 *
 * Source: docs/protocol/ccs.md#flow-control
 */
export class PendingWindow<T> {
  readonly #limit: number;
  /** In the order they were written. */
  readonly #slots = new ChurningMap<PendingSlot<T>>();

  /** @param limit Range: 1 to 100. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** How many more messages may be written. */
  get room(): number {
    return this.#limit - this.#slots.size;
  }

  has(id: string): boolean {
    return this.#slots.has(id);
  }

  /**
   * Takes a slot. The caller has made sure that there is room and that the ID is not in use here.
   *
   * @param writtenAt Milliseconds since the epoch.
   * @param countsFrom Instant of the same write.
   */
  reserve(id: string, value: T, writtenAt: number, countsFrom: MonotonicInstant, batch: number): void {
    this.#slots.set(id, { id, value, writtenAt, countsFrom, batch, expired: false });
  }

  /** Gives back the slot of a message that was answered; `undefined` for an ID that is not pending here. */
  settle(id: string): PendingSlot<T> | undefined {
    const slot = this.#slots.get(id);
    if (slot !== undefined) this.#slots.delete(id);
    return slot;
  }

  /** Instant at which the longest unanswered message that has not expired yet was written. */
  get oldest(): MonotonicInstant | undefined {
    for (const slot of this.#slots.values()) if (!slot.expired) return slot.countsFrom;
    return undefined;
  }

  /** Marks what was written at or before `until` and is still unanswered; returns what was marked now. */
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

  /** The connection is gone: empties the window and returns what was in it, in the order it was written. */
  failAll(): PendingSlot<T>[] {
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    return slots;
  }
}
