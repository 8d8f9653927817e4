import { InvalidOptionsError } from "../errors.ts";
import { AbortSignalSchema, ClockSchema, readOptions, requireOptions } from "../problems.ts";
import { SuspectRemovalSchema } from "../registrations/read-registration.ts";
import { storeProblem } from "../registrations/store-access.ts";
import * as z from "../zod.ts";
import type { CreateSenderOptions, SendAllOptions, SendEachOptions, SenderOptions, SendOptions } from "./sender.ts";
import { transportProblem } from "./traits.ts";

const count = z.int("must be a whole number of at least 1").min(1, "must be a whole number of at least 1");
const AmbiguousSchema = z.enum(["resend", "report"]);
const LifeStartSchema = z.enum(["call", "attempt"]);
const TimeoutSchema = z.number().positive("must be above 0").or(z.literal(Number.POSITIVE_INFINITY));

/** Options of every sender, apart from its transport. */
export const senderShape = {
  registrations: z
    .custom()
    .superRefine((store, context) => {
      const message = storeProblem(store);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .optional(),
  suspects: SuspectRemovalSchema.optional(),
  retry: z
    .custom(
      (retry) => retry === false || (typeof retry === "object" && retry !== null),
      "must be an object with parts of the retry policy, or false for one attempt only",
    )
    .optional(),
  maxWaiting: count.or(z.literal(Number.POSITIVE_INFINITY)).optional(),
  ambiguous: AmbiguousSchema.optional(),
  timeoutMs: TimeoutSchema.optional(),
  lifeFrom: LifeStartSchema.optional(),
  clock: ClockSchema.optional(),
  random: z.custom((random) => typeof random === "function", "must be a function, as Math.random is").optional(),
} satisfies Record<keyof SenderOptions, z.ZodType>;

/** Names of the options that every sender has, whatever its transport: candidates for "did you mean". */
export const SENDER_OPTION_NAMES: readonly string[] = Object.keys(senderShape);

/** Options of a ready-made sender, divided. */
export interface DividedOptions<T> {
  readonly ofSender: SenderOptions;
  readonly ofTransport: Omit<T, Exclude<keyof SenderOptions, "clock" | "random">>;
}

/**
 * Divides the options of a ready-made sender into those of every sender and those of its transport; `clock` and `random` are both's.
 *
 * @throws {InvalidOptionsError} they are no object.
 */
export function divideOptions<T extends SenderOptions>(options: T): DividedOptions<T> {
  const ofSender: Record<string, unknown> = {};
  const ofTransport: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(requireOptions(options))) {
    const isShared = name === "clock" || name === "random";
    const isOfSender = SENDER_OPTION_NAMES.includes(name);
    if (isOfSender && value !== undefined) ofSender[name] = value;
    if (!isOfSender || isShared) Object.defineProperty(ofTransport, name, { value, enumerable: true });
  }
  return { ofSender, ofTransport: ofTransport as T };
}

const CreateSenderOptionsSchema = z.strictObject({
  ...senderShape,
  transport: z.custom().superRefine((transport, context) => {
    const report = (message: string): void => context.addIssue({ code: "custom", message });
    const problem = transportProblem(transport);
    if (problem !== undefined) report(problem);
    else if ((transport as { retries?: unknown }).retries) {
      report("already has retries: give the bare one, and say how to try again with the option retry");
    }
  }),
});

const sendShape = {
  signal: AbortSignalSchema.optional(),
  timeoutMs: TimeoutSchema.optional(),
  ambiguous: AmbiguousSchema.optional(),
  lifeFrom: LifeStartSchema.optional(),
} satisfies Partial<Record<keyof SendOptions, z.ZodType>>;
const func = z.custom((value) => typeof value === "function", "must be a function");
const SendOptionsSchema = z.strictObject({
  ...sendShape,
  onOutcome: func.optional(),
} satisfies Record<keyof SendOptions, z.ZodType>);
const eachShape = {
  ...sendShape,
  concurrency: count.optional(),
  onProgress: func.optional(),
} satisfies Record<keyof SendEachOptions, z.ZodType>;
const SendEachOptionsSchema = z.strictObject(eachShape);
const SendAllOptionsSchema = z.strictObject({
  ...eachShape,
  batchSize: count.optional(),
  personalize: func.optional(),
} satisfies Record<keyof SendAllOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming everything wrong with the options of `createSender`. */
export function checkSenderOptions(options: CreateSenderOptions): void {
  readOptions(CreateSenderOptionsSchema, requireOptions(options), "an option of a sender");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of one send. */
export function checkSendOptions(options: SendOptions): void {
  // nearly every send has none
  if (typeof options === "object" && options !== null && Object.keys(options).length === 0) return;
  if (typeof options === "function") {
    throw new InvalidOptionsError([
      { path: "options", problem: "must be an object: there is no callback, await the promise" },
    ]);
  }
  readOptions(SendOptionsSchema, options, "an option of send");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `sendAll`. */
export function checkSendAllOptions(options: object): void {
  readOptions(SendAllOptionsSchema, options, "an option of sendAll");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `sendEach`. */
export function checkSendEachOptions(options: object): void {
  readOptions(SendEachOptionsSchema, options, "an option of sendEach");
}
