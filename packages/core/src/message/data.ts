import { type FieldProblem, InvalidMessageError, pathOf } from "../errors.ts";
import * as z from "../zod.ts";
import { copyJson, describeObject, isPlainObject, type JsonValue } from "./json.ts";
import { isReservedDataKey } from "./payload.ts";
import { LONE_SURROGATE } from "./text.ts";
import { describeType } from "./token.ts";

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

/** The problem of a key of `data` and its value, or `undefined`. */
export function dataProblem(key: string, value: unknown): string | undefined {
  if (key === "") return "a data key must not be empty";
  if (isReservedDataKey(key)) {
    return "is a reserved key: rename it (not from or message_type, nothing that starts with google or gcm)";
  }
  if (typeof value === "string") return value.isWellFormed() && key.isWellFormed() ? undefined : LONE_SURROGATE;
  return `must be a string, not ${describeType(value)}: the app receives strings only, so ${insteadOf(value)}`;
}

function insteadOf(value: unknown): string {
  switch (typeof value) {
    case "number":
    case "boolean":
    case "bigint":
      return `write ${JSON.stringify(String(value).slice(0, 40))}, or toData(values) for all of them`;
    case "object":
      if (value !== null) return "write JSON.stringify(value), or toData(values) for all of them";
  }
  return 'leave the key out, or write "" (toData(values) leaves it out)';
}

/** A value that `toData` can make a string of. */
export type DataValue = JsonValue | bigint | Date | undefined;

/**
 * Makes `data` of values of other types: strings stay as they are, numbers, booleans and bigints become their decimal or literal text, a
 * `Date` its ISO 8601 time in UTC, arrays and plain objects their JSON. Keys with `undefined` or `null` are left out.
 *
 * @example
 * ```ts
 * import { type DownstreamMessageInput, toData } from "@cloud-messaging/core";
 *
 * const data = toData({ game: 42, won: true, players: ["ada", "grace"] });
 * const message: DownstreamMessageInput = { target: { topic: "games" }, data };
 * ```
 *
 * @throws {InvalidMessageError} a value has no text of its own (a function, NaN, a class instance, an object that contains itself), or a
 * key is one that the service keeps for itself.
 */
export function toData(values: Readonly<Record<string, DataValue>>): Record<string, string> {
  if (!isPlainObject(values)) {
    throw new InvalidMessageError([
      { path: "data", problem: `must be a plain object of values, not ${describeObject(values)}` },
    ]);
  }
  const problems: FieldProblem[] = [];
  const entries: [string, string][] = [];
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === null) continue;
    const report = (path: string[], problem: string): void => {
      problems.push({ path: pathOf(["data", key, ...path]), problem });
    };
    const text = textOf(value, report);
    const problem = dataProblem(key, text);
    if (problem !== undefined) report([], problem);
    entries.push([key, text]);
  }
  if (problems.length > 0) throw new InvalidMessageError(problems);
  // defines own keys, whatever they are called
  return Object.fromEntries(entries);
}

function textOf(value: unknown, report: (path: string[], problem: string) => void): string {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return String(value);
  if (value instanceof Date) {
    if (!Number.isNaN(value.getTime())) return value.toISOString();
    report([], "is no valid date");
    return "";
  }
  const copy = copyJson(value, report);
  return typeof copy === "object" ? JSON.stringify(copy) : String(copy);
}
