import { z } from "zod";
import { isReservedDataKey } from "./payload.ts";
import { describeType } from "./token.ts";

/** What JSON can hold. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Checks that a value is JSON. */
export const JsonValueSchema: z.ZodType<JsonValue, JsonValue> = z.json();

/**
 * The app's own keys and values. Strings only: that is all an app ever receives. Reserved keys are refused. What comes out is a copy, so
 * that what the caller does with the object afterwards changes no message under way.
 */
export const DataSchema: z.ZodType<Readonly<Record<string, string>>, Readonly<Record<string, string>>> = z
  .custom<Readonly<Record<string, string>>>(() => true)
  .transform((data: unknown, context): Readonly<Record<string, string>> => {
    if (!isPlainObject(data)) {
      context.addIssue({ code: "custom", message: `must be a plain object of strings, not ${describeObject(data)}` });
      return z.NEVER;
    }
    // defines the keys as own ones, whatever they are called: __proto__ is a key like any other here
    const copy = { ...data };
    for (const key of Object.keys(copy)) {
      const problem = dataProblem(key, copy[key]);
      if (problem !== undefined) context.addIssue({ code: "custom", path: [key], message: problem });
    }
    return copy as Record<string, string>;
  });

/** Whether a value is an object as `{}` makes them: one of another kind may hold what its keys do not show. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // from another realm (a vm, a test runner) an object's prototype is another one, which has none itself
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function describeObject(value: unknown): string {
  const name = (value as { constructor?: { name?: unknown } } | null | undefined)?.constructor?.name;
  if (typeof value !== "object" || value === null || Array.isArray(value) || typeof name !== "string")
    return describeType(value);
  return /^\w{1,40}$/.test(name) ? `a ${name}` : "an object of another kind";
}

/** What is wrong with a key of `data` and its value, or `undefined`. */
export function dataProblem(key: string, value: unknown): string | undefined {
  if (key === "") return "a data key must not be empty";
  if (isReservedDataKey(key)) {
    return "is a reserved key: rename it (not from or message_type, nothing that starts with google or gcm)";
  }
  if (typeof value === "string") {
    if (value.isWellFormed() && key.isWellFormed()) return undefined;
    return "holds half a surrogate pair, which is no text: it was probably cut in the middle of a character";
  }
  return `must be a string, not ${describeType(value)}: the app receives strings only, so ${insteadOf(value)}`;
}

function insteadOf(value: unknown): string {
  switch (typeof value) {
    case "number":
    case "boolean":
    case "bigint":
      return `write ${JSON.stringify(String(value).slice(0, 40))}`;
    case "object":
      if (value !== null) return "write JSON.stringify(value)";
  }
  return 'leave the key out, or write ""';
}
