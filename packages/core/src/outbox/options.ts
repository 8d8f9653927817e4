import { InvalidOptionsError } from "../errors.ts";
import { describeType } from "../message/token.ts";
import { AbortSignalSchema, readOptions } from "../problems.ts";
import { senderShape } from "../sending/sender-options.ts";
import * as z from "../zod.ts";
import type {
  CreateOutboxOptions,
  EnqueueAllOptions,
  EnqueueOptions,
  Rate,
  ReplayOptions,
  ResultOptions,
  WorkOptions,
} from "./outbox.ts";

const KEY_BYTES = 32;
const anything = z.custom(() => true);
const func = z.custom((value) => typeof value === "function", "must be a function");
const atLeastOne = z.int("must be a whole number of at least 1").min(1, "must be a whole number of at least 1");
const milliseconds = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const flag = z.boolean();
const name = (what: string) =>
  z.string().regex(/^[a-z0-9-_]{1,64}$/, `must be ${what}: 1 to 64 of the characters a-z 0-9 - _`);
const text = z.string().min(1, "must not be empty");
const date = z.custom(
  (value) =>
    value instanceof Date ? Number.isFinite(value.getTime()) : Number.isFinite(value) && (value as number) >= 0,
  "must be a valid Date, or milliseconds since the epoch",
);

const EncryptionSchema = z
  .strictObject({
    keys: z.record(
      z.string().regex(/^[\x21-\x7e]{1,64}$/, "must be 1 to 64 printable ASCII characters"),
      z.custom(
        (key) => key instanceof Uint8Array && key.length === KEY_BYTES,
        "must be a key of 32 bytes (a Uint8Array or Buffer)",
      ),
    ),
    current: z.string(),
  })
  .superRefine(({ keys, current }, context) => {
    if (Object.hasOwn(keys, current)) return;
    context.addIssue({ code: "custom", path: ["current"], message: "must be the ID of one of keys" });
  });

const engineMethods = ["submit", "append", "claim", "write", "renew", "control", "find", "results", "close"] as const;

const outboxShape = {
  transport: z
    .custom<{ send?: unknown; retries?: unknown }>()
    .superRefine((transport, context) => {
      const report = (message: string): void => context.addIssue({ code: "custom", message });
      if (typeof transport?.send !== "function") report("must be a transport: an object with send()");
      else if (transport.retries) {
        report("already has retries: give the bare one, and say how to try again with the option retry");
      }
    })
    .optional(),
  registrations: senderShape.registrations,
  retry: z
    .custom((retry) => typeof retry === "object" && retry !== null, "must be an object with parts of the retry policy")
    .optional(),
  ambiguous: senderShape.ambiguous,
  lanes: z
    .record(name("the name of a lane"), z.number().positive("must be above 0"))
    .refine((lanes) => Object.keys(lanes).length > 0, "must have a lane")
    .optional(),
  maxBacklog: atLeastOne.or(z.literal(Number.POSITIVE_INFINITY)).optional(),
  retainMs: milliseconds.optional(),
  encryption: EncryptionSchema.optional(),
  clock: senderShape.clock,
  random: senderShape.random,
  engine: z.custom((engine) => {
    const given = (engine ?? {}) as Record<string, unknown>;
    return engineMethods.every((method) => typeof given[method] === "function");
  }, "must be an outbox engine"),
} satisfies Record<keyof CreateOutboxOptions, z.ZodType>;
const CreateOutboxOptionsSchema = z.strictObject(outboxShape);

const RateSchema = z.strictObject({
  perMinute: z.number().positive("must be above 0").max(Number.MAX_SAFE_INTEGER),
  rampMs: milliseconds.optional(),
} satisfies Record<keyof Rate, z.ZodType>);

const enqueueShape = {
  key: text.max(512).optional(),
  sendAt: date.optional(),
  expiresAt: date.optional(),
  lane: name("the name of a lane").optional(),
  ambiguous: senderShape.ambiguous,
  client: anything.optional(),
} satisfies Record<keyof EnqueueOptions, z.ZodType>;
const EnqueueOptionsSchema = z.strictObject(enqueueShape);
const EnqueueAllOptionsSchema = z.strictObject({
  ...enqueueShape,
  personalize: func.optional(),
  rate: RateSchema.optional(),
  signal: AbortSignalSchema.optional(),
} satisfies Record<keyof EnqueueAllOptions, z.ZodType>);

const ReplayOptionsSchema = z.strictObject({
  key: enqueueShape.key,
  lane: enqueueShape.lane,
  sendAt: enqueueShape.sendAt,
  expiresAt: enqueueShape.expiresAt,
  select: func.optional(),
} satisfies Record<keyof ReplayOptions, z.ZodType>);

const ResultOptionsSchema = z.strictObject({
  id: text.optional(),
  after: text.optional(),
  failed: flag.optional(),
  dead: flag.optional(),
  follow: flag.optional(),
  signal: AbortSignalSchema.optional(),
} satisfies Record<keyof ResultOptions, z.ZodType>);

const WorkOptionsSchema = z.strictObject({
  concurrency: atLeastOne.optional(),
  batchSize: atLeastOne.max(1_000).optional(),
  signal: AbortSignalSchema.optional(),
  lanes: z.array(z.string()).min(1).optional(),
  untilIdle: flag.optional(),
  leaseMs: z.number().min(100).max(86_400_000).optional(),
  pollMs: z.number().min(1).max(86_400_000).optional(),
  closeTimeoutMs: milliseconds.optional(),
} satisfies Record<keyof WorkOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming everything wrong with the options of `createOutbox`. */
export function checkOutboxOptions(options: unknown): void {
  readOptions(CreateOutboxOptionsSchema, options, "an option of an outbox");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `enqueue`. */
export function checkEnqueueOptions(options: unknown): void {
  readOptions(EnqueueOptionsSchema, options, "an option of enqueue");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `enqueueAll`. */
export function checkEnqueueAllOptions(options: unknown): void {
  readOptions(EnqueueAllOptionsSchema, options, "an option of enqueueAll");
}

/** @throws {InvalidOptionsError} naming everything wrong with a rate. */
export function checkRate(rate: unknown): void {
  readOptions(RateSchema, rate, "an option of a rate");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `replay`. */
export function checkReplayOptions(options: unknown): void {
  readOptions(ReplayOptionsSchema, options, "an option of replay");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `results`. */
export function checkResultOptions(options: unknown): void {
  readOptions(ResultOptionsSchema, options, "an option of results");
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `work`. */
export function checkWorkOptions(options: unknown): void {
  readOptions(WorkOptionsSchema, options, "an option of work");
}

/** @throws {InvalidOptionsError} the value is no ID. */
export function checkId(id: unknown): void {
  if (isText(id)) return;
  throw new InvalidOptionsError([{ path: "id", problem: `must be the ID of a message or campaign, not ${shown(id)}` }]);
}

/** @throws {InvalidOptionsError} the value is neither an ID nor an object with a key. */
export function checkReference(by: unknown): void {
  if (isText(by) || isText((by as { key?: unknown } | null | undefined)?.key)) return;
  const problem = `must be the ID of a message or campaign, or { key: "…" }, not ${shown(by)}`;
  throw new InvalidOptionsError([{ path: "by", problem }]);
}

const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
const shown = (value: unknown): string => (value === "" ? "empty" : describeType(value));

/** @throws {InvalidOptionsError} a lane is none of the outbox's. */
export function checkLanes(path: string, lanes: readonly string[], known: Readonly<Record<string, number>>): void {
  for (const lane of lanes) {
    if (Object.hasOwn(known, lane)) continue;
    const problem = `is not a lane of this outbox; use ${Object.keys(known).join(", ")}, or name it in the option lanes`;
    throw new InvalidOptionsError([{ path, problem }]);
  }
}
