import { isPlainObject } from "../message/json.ts";

/** Content with changes put over it: objects are merged field by field, anything else is replaced; `undefined` changes nothing. */
export function merged(content: unknown, changes: unknown): unknown {
  if (!isPlainObject(content) || !isPlainObject(changes)) return changes;
  const fields = new Map(Object.entries(content));
  for (const [key, change] of Object.entries(changes)) {
    if (change !== undefined) fields.set(key, merged(fields.get(key), change));
  }
  return Object.fromEntries(fields);
}
