import { describeObject, isPlainObject } from "../message/json.ts";

/** Problem of the changes of the content for one recipient; `undefined` for an object, and where there are none. */
export function changesProblem(changes: unknown): string | undefined {
  if (changes === undefined || changes === null || isPlainObject(changes)) return undefined;
  return `must be a plain object, not ${describeObject(changes)}`;
}

/** Content with changes put over it: objects are merged field by field, anything else is replaced; `undefined` changes nothing. */
export function merged(content: unknown, changes: unknown): unknown {
  if (!isPlainObject(content) || !isPlainObject(changes)) return changes;
  const fields = new Map(Object.entries(content));
  for (const [key, change] of Object.entries(changes)) {
    if (change !== undefined) fields.set(key, merged(fields.get(key), change));
  }
  return Object.fromEntries(fields);
}
