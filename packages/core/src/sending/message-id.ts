import type { Random } from "../time/clock.ts";

/**
 * Creates a generator of message IDs that are unique over processes: 16 random characters, about 2^80 prefixes, then a count.
 *
 * @example
 * ```ts
 * import { createMessageIds } from "@cloud-messaging/core/transport";
 *
 * const nextMessageId = createMessageIds(Math.random);
 * console.log(nextMessageId());
 * ```
 */
export function createMessageIds(random: Random): () => string {
  let prefix = "";
  while (prefix.length < 16) prefix += Math.floor(random() * 36).toString(36);
  prefix += "-";
  let count = 0;
  return () => prefix + (count++).toString(36);
}
