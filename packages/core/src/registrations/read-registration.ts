import { type FieldProblem, InvalidOptionsError, InvalidRegistrationError } from "../errors.ts";
import { recordOf } from "../message/json.ts";
import { describeType, type RegistrationToken, tokenProblem } from "../message/token.ts";
import { readInput, readOptions } from "../problems.ts";
import * as z from "../zod.ts";
import type { RegisterOptions, SuspectRemoval } from "./registration.ts";

/** Longest user ID accepted. Unit: characters. */
export const MAX_USER_ID_LENGTH = 256;
/** Most attributes of a registration. */
export const MAX_ATTRIBUTES = 16;

/** Input of `register`, checked. */
export interface ReadRegistration {
  readonly userId: string;
  readonly token: RegistrationToken;
  readonly options: RegisterOptions;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

function textProblem(text: unknown, min: number, max: number): string | undefined {
  if (typeof text !== "string") return `must be a string, not ${describeType(text)}`;
  if (text.length < min) return "must be a non-empty string";
  if (text.length > max) return `has ${text.length} characters, at most ${max} are possible`;
  if (CONTROL.test(text)) return "must not hold control characters";
  return text.isWellFormed() ? undefined : "holds half a surrogate pair: whole characters are due";
}

const text = (min: number, max: number) =>
  z.custom<string>().superRefine((value, context) => {
    const message = textProblem(value, min, max);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

const RegisterOptionsSchema = z.strictObject({
  owner: z.enum(["newest", "shared"]).optional(),
  platform: text(1, 32).optional(),
  appVersion: text(1, 64).optional(),
  locale: text(1, 64).optional(),
  attributes: recordOf(text(0, 256))
    .superRefine((attributes, context) => {
      for (const name of Object.keys(attributes)) {
        const problem = textProblem(name, 1, 64);
        if (problem !== undefined) context.addIssue({ code: "custom", path: [name], message: `the name ${problem}` });
      }
    })
    .refine((attributes) => Object.keys(attributes).length <= MAX_ATTRIBUTES, `at most ${MAX_ATTRIBUTES} are possible`)
    .optional(),
} satisfies Record<keyof RegisterOptions, z.ZodType>);

/** Checks a policy for suspects. */
export const SuspectRemovalSchema: z.ZodType<SuspectRemoval, SuspectRemoval> = z.strictObject({
  refusals: z.int("must be a whole number of at least 2").min(2, "must be a whole number of at least 2"),
  overMs: z.number().min(0, "must be at least 0"),
});

const NO_OPTIONS: RegisterOptions = {};

/**
 * Reads the input of `register`. For stores: each calls it first, so that all refuse the same in the same words.
 *
 * @throws {InvalidRegistrationError} naming everything wrong with it.
 */
export function readRegistration(userId: unknown, token: unknown, options?: unknown): ReadRegistration {
  const problems: FieldProblem[] = [];
  const userProblem = textProblem(userId, 1, MAX_USER_ID_LENGTH);
  if (userProblem !== undefined) problems.push({ path: "userId", problem: userProblem });
  const problem = tokenProblem(token);
  if (problem !== undefined) problems.push({ path: "token", problem });
  let read = NO_OPTIONS;
  if (options !== undefined) {
    const reading = readInput(RegisterOptionsSchema, options, { name: "an option of register" });
    if ("problems" in reading) problems.push(...reading.problems);
    else read = reading.value as RegisterOptions;
  }
  if (problems.length > 0) throw new InvalidRegistrationError(problems);
  return { userId: userId as string, token: token as RegistrationToken, options: read };
}

/** True for a user ID that `register` takes. For stores: nobody has another. */
export function isUserId(userId: unknown): userId is string {
  return textProblem(userId, 1, MAX_USER_ID_LENGTH) === undefined;
}

/** True for a user ID and a token that `register` takes. For stores: nobody has others, and no database has to be asked for them. */
export function canBeRegistered(userId: unknown, token: unknown): boolean {
  return isUserId(userId) && tokenProblem(token) === undefined;
}

const limit = z.int("must be a whole number from 1 to 10000").min(1).max(10_000);
const after = z.string().optional();
const time = z.number().optional();
const QUERIES = {
  registrations: z.strictObject({ after, limit, platform: z.string().optional(), seenSince: time, seenBefore: time }),
  users: z.strictObject({ after, limit }),
  removeUnseen: z.strictObject({ before: z.number(), limit }),
  changes: z.strictObject({ from: z.string(), limit }),
};

/**
 * Checks what a page is asked for with. For stores.
 *
 * @throws {InvalidOptionsError} naming everything wrong with it.
 */
export function checkQuery(call: keyof typeof QUERIES, query: unknown): void {
  readOptions(QUERIES[call], query, `an option of ${call}`);
}

/** The error about a cursor that the store did not give out. */
export function unknownCursor(path: "after" | "from"): InvalidOptionsError {
  return new InvalidOptionsError([{ path, problem: "is no cursor that this store gave out" }]);
}
