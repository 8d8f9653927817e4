import { InvalidOptionsError } from "@cloud-messaging/core";
import { type MaybePromise, RecentMap } from "@cloud-messaging/core/transport";

/**
 * Store of handled messages, for deduplication: a redelivery of a handled upstream message or receipt is acknowledged without another call of
 * the handler. Implement it over a shared database to deduplicate across app servers.
 */
export interface HandledMessages {
  /** Returns true if the key was added and is still remembered. */
  has(key: string): MaybePromise<boolean>;
  /** Adds a key. Called after the handler has succeeded, before the acknowledgement. */
  add(key: string): MaybePromise<void>;
}

/**
 * Creates a store of handled messages in memory.
 *
 * @example
 * ```ts
 * import { createCcsClient, createHandledMessages } from "@cloud-messaging/ccs-client";
 *
 * const client = createCcsClient({
 *   senderId: "123456789012",
 *   apiKey: "AIza…",
 *   handledMessages: createHandledMessages(100_000),
 * });
 * ```
 *
 * @param maxMessages Minimum number of messages remembered; at most twice as many are. Range: 1 or more. Default: 10000.
 * @throws {InvalidOptionsError} It is out of range.
 */
export function createHandledMessages(maxMessages = 10_000): HandledMessages {
  if (!Number.isInteger(maxMessages) || maxMessages < 1) {
    throw new InvalidOptionsError([{ path: "maxMessages", problem: "must be a whole number of at least 1" }]);
  }
  const keys = new RecentMap<string, true>(maxMessages);
  return {
    has: (key) => keys.get(key) === true,
    add: (key) => keys.set(key, true),
  };
}
