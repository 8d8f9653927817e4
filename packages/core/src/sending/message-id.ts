import type { Random } from "../time/clock.ts";

/** Makes message IDs that no other process makes: 16 random characters, then a count. About 2^80 prefixes. */
export function createMessageIds(random: Random): () => string {
  let prefix = "";
  while (prefix.length < 16) prefix += Math.floor(random() * 36).toString(36);
  let count = 0;
  return () => `${prefix}-${(count++).toString(36)}`;
}
