import type { SubmissionChange } from "@cloud-messaging/core/transport";
import fc from "fast-check";

/** Milliseconds of a second. */
export const S = 1_000;
/** Bytes of a text. */
export const bytes = (text: string): Uint8Array => Buffer.from(text);
/** Lanes that commands use. */
export const LANES = ["fast", "slow"] as const;

/** One operation on an engine, or a crash, or time that passes. */
export type Command =
  | { readonly do: "submit"; readonly of: readonly SubmissionPlan[] }
  | {
      readonly do: "append";
      readonly which: number;
      readonly off: number;
      readonly chunks: readonly ChunkPlan[];
      readonly seal: boolean;
    }
  | { readonly do: "claim"; readonly lanes: readonly string[]; readonly limit: number; readonly leaseS: number }
  | { readonly do: "sweep"; readonly which: number; readonly limit: number }
  | { readonly do: "write"; readonly of: readonly WritePlan[] }
  | { readonly do: "renew"; readonly which: readonly number[]; readonly leaseS: number }
  | { readonly do: "control"; readonly which: number; readonly change: SubmissionChange }
  | { readonly do: "pass"; readonly s: number }
  | { readonly do: "crash" }
  | { readonly do: "prune"; readonly s: number };

/** Plan of a part of a command. */
export interface ChunkPlan {
  readonly size: number;
  readonly refused: number;
}
/** Plan of a part of a command. */
export interface SubmissionPlan {
  readonly again: boolean;
  readonly key: number;
  readonly lane: string;
  readonly inS: number;
  readonly perMinute: number;
  readonly chunks: readonly ChunkPlan[];
  readonly sealed: boolean;
}
/** Plan of a part of a command. */
export interface WritePlan {
  readonly which: number;
  readonly settle: number;
  readonly failed: boolean;
  readonly end: "hold" | "release" | "later" | "repeat";
}

const chunkPlan = fc.record({ size: fc.integer({ min: 1, max: 3 }), refused: fc.constantFrom(0, 0, 0, 1) });
const index = fc.nat(7);
/** Random commands. */
export const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      of: fc.array(
        fc.record({
          again: fc.constantFrom(false, false, false, false, true),
          key: fc.nat(5),
          lane: fc.constantFrom(...LANES),
          inS: fc.constantFrom(0, 0, 0, 20),
          perMinute: fc.constantFrom(0, 0, 0, 1, 3),
          chunks: fc.array(chunkPlan, { maxLength: 3 }),
          sealed: fc.boolean(),
        }),
        { minLength: 1, maxLength: 2 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      which: index,
      off: fc.constantFrom(0, 0, 0, -1, 1),
      chunks: fc.array(chunkPlan, { maxLength: 2 }),
      seal: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      lanes: fc.constantFrom(["fast", "slow"], ["slow", "fast"], ["slow"]),
      limit: fc.integer({ min: 1, max: 4 }),
      leaseS: fc.constantFrom(10, 30),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("sweep" as const), which: index, limit: fc.constantFrom(1, 5) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      of: fc.array(
        fc.record({
          which: index,
          settle: fc.nat(3),
          failed: fc.boolean(),
          end: fc.constantFrom("hold", "release", "later", "repeat" as const),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("renew" as const),
      which: fc.array(index, { minLength: 1, maxLength: 3 }),
      leaseS: fc.constantFrom(10, 30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("control" as const),
      which: index,
      change: fc.constantFrom<SubmissionChange>(
        { state: "paused" },
        { state: "running" },
        { state: "cancelled" },
        { pace: { perMinute: 1, rampMs: 0 } },
        { pace: null },
      ),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("pass" as const), s: fc.constantFrom(10, 20, 60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("prune" as const), s: fc.constantFrom(0, 30) }) },
);
