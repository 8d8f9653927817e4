import * as z from "../zod.ts";
import { LONE_SURROGATE } from "./text.ts";
import { describeType } from "./token.ts";

/** Deepest nesting of a JSON value in a message. Implementation limit: the whole payload has at most 4096 bytes. */
const MAX_DEPTH = 32;
/** Most values inside a JSON value of a message. Implementation limit, for the same reason. */
const MAX_VALUES = 10_000;

/** A value that JSON can hold. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** An object that JSON can hold. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** Tells an object as `{}` makes them: one of another kind may hold what its keys do not show. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // from another realm (a vm, a test runner) an object's prototype is another one, which has none itself
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** The name of a value's kind, with the class of an object that is no plain one. */
export function describeObject(value: unknown): string {
  const name = (value as { constructor?: { name?: unknown } } | null | undefined)?.constructor?.name;
  if (typeof value !== "object" || value === null || Array.isArray(value) || typeof name !== "string")
    return describeType(value);
  return /^\w{1,40}$/.test(name) ? `a ${name}` : "an object of another kind";
}

/** Receives a problem and the path of the value it is about. */
export type ReportProblem = (path: string[], problem: string) => void;

/**
 * Copies a JSON value, bounded in depth and size, and reports what JSON cannot hold: a value that contains itself, a class instance, a
 * function, NaN, half a surrogate pair. Every own key is copied, `__proto__` among them; keys with `undefined` are left out.
 */
export function copyJson(value: unknown, report: ReportProblem): JsonValue {
  const ancestors: object[] = [];
  let left = MAX_VALUES;

  function copy(value: unknown, path: string[]): JsonValue {
    if (left <= 0) return null;
    if (--left === 0) return refuse(path.slice(0, 1), `holds more than ${MAX_VALUES} values`);
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") return value.isWellFormed() ? value : refuse(path, LONE_SURROGATE);
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (!Array.isArray(value) && !isPlainObject(value)) {
      const given = typeof value === "number" ? String(value) : describeObject(value);
      return refuse(
        path,
        `must be JSON: a string, number, true, false, null, an array or a plain object, not ${given}`,
      );
    }
    if (ancestors.includes(value)) return refuse(path, "contains itself, which JSON cannot hold");
    if (path.length >= MAX_DEPTH) return refuse(path, `nests more than ${MAX_DEPTH} deep`);
    ancestors.push(value);
    const copied = Array.isArray(value)
      ? // by index, since holes are not to be skipped
        Array.from(value as unknown[], (item, index) => copy(item, [...path, String(index)]))
      : copyObject(value, path);
    ancestors.pop();
    return copied;
  }

  function copyObject(value: Record<string, unknown>, path: string[]): JsonObject {
    const entries: [string, JsonValue][] = [];
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      if (!key.isWellFormed()) refuse([...path, key], LONE_SURROGATE);
      entries.push([key, copy(item, [...path, key])]);
      if (left <= 0) break;
    }
    // defines own keys, whatever they are called
    return Object.fromEntries(entries);
  }

  function refuse(path: string[], problem: string): null {
    report(path, problem);
    return null;
  }

  return copy(value, []);
}

/** Checks a JSON object and copies it, bounded. */
export const JsonObjectSchema: z.ZodType<JsonObject, JsonObject> = z
  .custom<JsonObject>(() => true)
  .transform((value: unknown, context): JsonObject => {
    if (isPlainObject(value)) {
      return copyJson(value, (path, message) => context.addIssue({ code: "custom", path, message })) as JsonObject;
    }
    context.addIssue({ code: "custom", message: `must be a plain object, not ${describeObject(value)}` });
    return z.NEVER;
  });

/** A record schema that keeps every own key: zod's own leaves `__proto__` out without a word. */
export function recordOf<V>(valueSchema: z.ZodType<V>): z.ZodType<Record<string, V>, Record<string, V>> {
  return z
    .custom<Record<string, V>>(() => true)
    .transform((input: unknown, context): Record<string, V> => {
      if (!isPlainObject(input)) {
        context.issues.push({ code: "invalid_type", expected: "record", input });
        return z.NEVER;
      }
      const entries: [string, V][] = [];
      for (const [key, item] of Object.entries(input)) {
        if (!key.isWellFormed()) context.issues.push({ code: "custom", path: [key], message: LONE_SURROGATE, input });
        const read = valueSchema._zod.run({ value: item, issues: [] }, { async: false });
        if (read instanceof Promise) throw new Error("A record's values cannot be read asynchronously");
        for (const issue of read.issues) context.issues.push({ ...issue, path: [key, ...(issue.path ?? [])] });
        entries.push([key, read.value as V]);
      }
      return Object.fromEntries(entries);
    });
}
