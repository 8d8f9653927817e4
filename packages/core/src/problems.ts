import { type FieldProblem, InvalidOptionsError, pathOf } from "./errors.ts";
import { describeType } from "./message/token.ts";
import { isAbortSignal } from "./time/abort.ts";
import { type Clock, clockProblem } from "./time/clock.ts";
import * as z from "./zod.ts";

/** Wording for one kind of input. */
export interface InputWording {
  /** The noun for one name of the input, with its article: `a field of a message`, `an option of the emulator`. */
  readonly name: string;
  /** Names at the top level that are checked elsewhere: candidates for "did you mean". */
  readonly known?: readonly string[];
  /** Names at the top level as other libraries and the wire spell them, and the path to write instead. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Path of the input itself, before the paths of its fields. */
  readonly path?: readonly string[];
}

/** A value as its schema reads it, or everything that is wrong with it. */
export type Reading<T> = { readonly value: T } | { readonly problems: readonly FieldProblem[] };

/** Longest list of names in an error for a name that resembles none of them. */
const MAX_LISTED = 8;
const UNION = "must be of another type";

/** Checks an `AbortSignal` by what it does, so that one of another realm (jsdom, a polyfill) is taken. */
export const AbortSignalSchema: z.ZodType<AbortSignal, AbortSignal> = z.custom<AbortSignal>(
  isAbortSignal,
  "must be an AbortSignal",
);

/** Checks a `Clock`: one without a monotonic reading is refused. */
export const ClockSchema: z.ZodType<Clock, Clock> = z.custom<Clock>().superRefine((value, context) => {
  const problem = clockProblem(value);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

/** Schemas that a value was read by. zod compiles a parser for each object in a schema, which costs more than many schemas are ever used for. */
const readBefore = new WeakSet<z.ZodType>();

/**
 * Reads a value by a schema, in the one wording of this SDK. The value is never part of a problem, apart from a number: it may be a secret
 * in the wrong place.
 */
export function readInput<T>(schema: z.ZodType<T>, input: unknown, wording: InputWording): Reading<T> {
  const valid = schema.safeParse(input, { jitless: !readBefore.has(schema) });
  readBefore.add(schema);
  if (valid.success) return { value: valid.data };
  // read once more for the words: with them, reading takes several times as long, which only an invalid value has to pay
  const worded = schema.safeParse(input, { error: describeIssue });
  const issues = (worded.error ?? valid.error).issues;
  return { problems: issues.flatMap((issue) => problemsOf(issue, schema, input, wording)) };
}

/**
 * Reads options with their defaults.
 *
 * @param name The noun for one of them: `an option of the emulator`.
 * @param known Options that are checked elsewhere: candidates for "did you mean".
 * @param aliases Names that people write by habit, and the option to write instead.
 * @throws {InvalidOptionsError} naming every wrong option, the problem and the fix.
 */
export function readOptions<S extends z.ZodType>(
  schema: S,
  options: unknown,
  name: string,
  known: readonly string[] = [],
  aliases: InputWording["aliases"] = {},
): z.output<S> {
  const wording = { name, known, aliases };
  let reading = readInput(schema, options, wording);
  // an unknown name without a value says nothing: it is no mistake
  if ("problems" in reading) reading = readInput(schema, withoutUndefined(options), wording);
  if ("value" in reading) return reading.value as z.output<S>;
  throw new InvalidOptionsError(reading.problems);
}

/**
 * Checks that options are an object, before anything is read of them. `undefined` stands for none.
 *
 * @throws {InvalidOptionsError} they are anything else.
 */
export function requireOptions<T extends object>(options: T | undefined): T {
  if (options === undefined) return {} as T;
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return options;
  throw new InvalidOptionsError([{ path: "", problem: notAnObject(options) }]);
}

function notAnObject(value: unknown): string {
  return `must be an object, not ${typeof value === "number" ? value : describeType(value)}`;
}

const SignalOptionsSchema = z.strictObject({ signal: AbortSignalSchema.optional() });

/**
 * Checks the options of a call that takes a `signal` alone.
 *
 * @param name The noun for one of them: `an option of ready`.
 * @throws {InvalidOptionsError} they are no object, have another name, or their `signal` is no AbortSignal.
 */
export function checkSignalOptions(options: unknown, name: string): void {
  readOptions(SignalOptionsSchema, options, name);
}

function withoutUndefined(options: unknown): unknown {
  if (typeof options !== "object" || options === null || Array.isArray(options)) return options;
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** The wording of an issue without a message of its own: the demand, then what was given instead. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type": {
      const expected = EXPECTED[issue.expected as string] ?? `a ${issue.expected}`;
      if (issue.input === undefined) return `is missing: must be ${expected}`;
      return `must be ${expected}, not ${typeof issue.input === "number" ? String(issue.input) : describeType(issue.input)}`;
    }
    case "too_big":
      return `must be ${issue.inclusive === false ? "below" : "at most"} ${issue.maximum}${unitOf(issue.origin as string)}`;
    case "too_small":
      return `must be ${issue.inclusive === false ? "above" : "at least"} ${issue.minimum}${unitOf(issue.origin as string)}`;
    case "invalid_value":
      return `must be ${(issue.values as unknown[]).map(literal).join(" or ")}`;
    case "invalid_union":
      return UNION;
    default:
      return undefined;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  array: "an array",
  record: "an object",
};

function unitOf(origin: string): string {
  return origin === "string" ? " characters long" : origin === "array" ? " entries long" : "";
}

function literal(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType, input: unknown, wording: InputWording): FieldProblem[] {
  const at = (...more: PropertyKey[]): string => pathOf([...(wording.path ?? []), ...issue.path, ...more]);
  if (issue.code === "unrecognized_keys") {
    const known = namesAt(schema, input, issue.path);
    const top = issue.path.length === 0;
    return issue.keys.map((key) => ({
      path: at(key),
      problem: unknownName(key, top ? [...known, ...(wording.known ?? [])] : known, {
        name: wording.name,
        ...(top && wording.aliases !== undefined ? { aliases: wording.aliases } : {}),
      }),
    }));
  }
  if (issue.code === "invalid_union") {
    const fitting = issue.errors.filter((branch) => !branch.some(isOfAnotherType));
    if (fitting.length === 1) {
      return (fitting[0] ?? []).flatMap((inner) =>
        problemsOf({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue, schema, input, wording),
      );
    }
    if (issue.message === UNION) return [{ path: at(), problem: unionProblem(issue, schema, input) }];
  }
  return [{ path: at(), problem: issue.message }];
}

/** True if an issue of a union's branch says that the value is not of the branch's type at all. */
function isOfAnotherType({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 && (code === "invalid_type" || code === "invalid_value" || code === "invalid_union");
}

function unionProblem(issue: z.core.$ZodIssueInvalidUnion, schema: z.ZodType, input: unknown): string {
  const { discriminator } = issue as { discriminator?: string };
  if (discriminator !== undefined) {
    const values = partsAt(schema, input, issue.path.slice(0, -1)).flatMap((part) => [
      ...(part._zod.propValues?.[discriminator] ?? []),
    ]);
    if (values.length > 0) return `must be ${[...new Set(values)].map(literal).join(" or ")}`;
  }
  const demands = issue.errors.flatMap(([first]) => {
    const demand = first?.message.replace(/^is missing: /, "").replace(/, not [^,]*$/, "");
    return demand?.startsWith("must be ") ? [demand.slice("must be ".length)] : [];
  });
  if (demands.length === 0) return UNION;
  const given = valueAt(input, issue.path);
  return `must be ${[...new Set(demands)].join(" or ")}, not ${typeof given === "number" ? given : describeType(given)}`;
}

/** The problem of a name that means nothing where it stands: a misspelt one must not read as the default. */
export function unknownName(
  key: string,
  known: readonly string[],
  { name, aliases = {} }: Pick<InputWording, "name" | "aliases">,
): string {
  const meant = Object.hasOwn(aliases, key) ? aliases[key] : closest(key, known);
  if (meant !== undefined) return `is not ${name}: did you mean ${meant}?`;
  return known.length > 0 && known.length <= MAX_LISTED ? `is not ${name}; use ${known.join(", ")}` : `is not ${name}`;
}

/** The known name that a misspelt one is most like: the same but for case and separators, or a few letters apart. */
function closest(key: string, known: readonly string[]): string | undefined {
  if (key.length > 60) return undefined;
  const plain = (text: string): string => text.replace(/[_\-\s]/g, "").toLowerCase();
  const wanted = plain(key);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    if (name === key) continue;
    const distance = editDistance(wanted, plain(name));
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const line = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(
        (last[column] as number) + 1,
        (line[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] as number) + 1);
      }
      line.push(cost);
    }
    beforeLast = last;
    last = line;
  }
  return last[to.length] as number;
}

type Part = z.core.$ZodType;

/** The names that the schema knows at a path of its input. */
function namesAt(schema: Part, input: unknown, path: readonly PropertyKey[]): string[] {
  return partsAt(schema, input, path).flatMap((part) => Object.keys(shapeOf(part) ?? {}));
}

function shapeOf(part: Part): Readonly<Record<string, Part>> | undefined {
  const def = part._zod.def as { type: string; shape?: Readonly<Record<string, Part>> };
  return def.type === "object" ? def.shape : undefined;
}

/** The schemas that read the value at a path: one, or the branches of a union. */
function partsAt(schema: Part, input: unknown, path: readonly PropertyKey[]): Part[] {
  let parts = unwrap(schema, input);
  let value = input;
  for (const key of path) {
    value = valueAt(value, [key]);
    parts = parts.flatMap((part) => {
      const def = part._zod.def as { type: string; element?: Part; valueType?: Part };
      const inner = shapeOf(part)?.[String(key)] ?? def.element ?? def.valueType;
      return inner === undefined ? [] : unwrap(inner, value);
    });
  }
  return parts;
}

/** A schema without its wrappers; of a union all branches, of one with a discriminator those that fit the value. */
function unwrap(part: Part, value: unknown): Part[] {
  const def = part._zod.def as {
    innerType?: Part;
    in?: Part;
    options?: readonly Part[];
    discriminator?: string;
  };
  if (def.innerType !== undefined) return unwrap(def.innerType, value);
  if (def.in !== undefined) return unwrap(def.in, value);
  if (def.options === undefined) return [part];
  const { discriminator } = def;
  const named = discriminator === undefined ? undefined : valueAt(value, [discriminator]);
  const fitting = def.options.filter((option) =>
    discriminator === undefined ? true : option._zod.propValues?.[discriminator]?.has(named as z.core.util.Primitive),
  );
  return (fitting.length > 0 ? fitting : def.options).flatMap((option) => unwrap(option, value));
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
