import type { MaybePromise } from "@cloud-messaging/core";
import { RecentMap } from "@cloud-messaging/core/transport";

/**
 * Remembers which upstream messages and receipts were handled, so that a redelivery is acknowledged and not handled again. Kept in
 * memory by default; an implementation over a shared store makes several app servers one.
 */
export interface HandledMessages {
  /** Whether `add` was called with this key, not too long ago to be remembered. */
  has(key: string): MaybePromise<boolean>;
  /** Called once the handler has succeeded, before the acknowledgement. */
  add(key: string): MaybePromise<void>;
}

/**
 * The last so many, in memory.
 *
 * @param maxMessages How many are remembered at the least; up to twice as many are. Range: 1 or more. Default: 10000.
 */
export function createHandledMessages(maxMessages = 10_000): HandledMessages {
  const keys = new RecentMap<string, true>(maxMessages);
  return {
    has: (key) => keys.get(key) === true,
    add: (key) => keys.set(key, true),
  };
}
