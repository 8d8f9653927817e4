import { ChurningSet } from "@cloud-messaging/core/transport";

/** A request that wants a slot. */
export interface SlotHolder {
  /** Called once, when it has its slot. */
  run(): void;
}

/** Semaphore with an adaptive limit: permits for requests in flight, and the queue for them. */
export interface Slots {
  /** Runs the holder at once where a slot is free; else it waits, first come, first served. */
  acquire(holder: SlotHolder): void;
  /** Takes back a holder that waits. `false`: it was not waiting. */
  withdraw(holder: SlotHolder): boolean;
  /** Gives a slot back; the next in the queue runs. */
  release(): void;
  /** Counts up with every reduction. To be noted when a request starts, and handed to `overloaded`. */
  readonly epoch: number;
  /**
   * The service says that it has too much to do: halves the slots, down to one. Requests that were under way at the last halving say
   * nothing new, so each overload halves once and not once per request.
   */
  overloaded(epoch: number): void;
  /** The service answered as it should: a slot comes back after as many such answers as there are slots. */
  healthy(): void;
  /** Slots there are now. Range: 1 to the most there can be. */
  readonly limit: number;
}

/**
 * Counts requests under way: additive increase, multiplicative decrease.
 *
 * @param max Most slots, and how many there are at first.
 */
export function createSlots(max: number): Slots {
  const waiting = new ChurningSet<SlotHolder>();
  let limit = max;
  let inUse = 0;
  let epoch = 0;
  let healthyAnswers = 0;

  const runNext = (): void => {
    for (const holder of waiting) {
      if (inUse >= limit) return;
      if (!waiting.delete(holder)) continue;
      inUse++;
      holder.run();
    }
  };

  return {
    acquire(holder) {
      if (inUse < limit) {
        inUse++;
        holder.run();
      } else waiting.add(holder);
    },
    withdraw: (holder) => waiting.delete(holder),
    release() {
      inUse--;
      if (waiting.size > 0) runNext();
    },
    get epoch() {
      return epoch;
    },
    overloaded(seen) {
      if (seen !== epoch) return;
      epoch++;
      healthyAnswers = 0;
      limit = Math.max(1, Math.floor(limit / 2));
    },
    healthy() {
      if (limit === max || ++healthyAnswers < limit) return;
      healthyAnswers = 0;
      limit++;
      if (waiting.size > 0) runNext();
    },
    get limit() {
      return limit;
    },
  };
}
