import type { Clock } from "@cloud-messaging/core";
import { ClockSchema, readOptions, z } from "@cloud-messaging/core/transport";
import { isRedisClient, type RedisClient } from "./redis.ts";

/** Options of `createRedisRegistrationStore`. */
export interface RedisRegistrationStoreOptions {
  /**
   * A client of `ioredis` (`Redis`, `Cluster`) or of `redis` (connected by the application), which stays the application's: the store never
   * ends it.
   */
  readonly client: RedisClient;
  /**
   * Beginning of the store's keys. One for each sender ID or project. The keys have it as their hash tag, so that a cluster keeps them on
   * one node. At most 200 characters, without braces.
   * @defaultValue `"cloud-messaging"`
   */
  readonly prefix?: string;
  /**
   * Changes kept at the least for those who follow them; a reader who is further behind gets a `ChangesLostError`. Range: 1 to 10000000.
   * @defaultValue 100000
   */
  readonly maxChanges?: number;
  /**
   * Longest wait for an answer, also while the client reconnects; then the call rejects with `ConnectionError`. Unit: milliseconds.
   * Range: 1 to 2147483647.
   * @defaultValue 5000
   */
  readonly timeoutMs?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const OptionsSchema = z.strictObject({
  client: z.custom<RedisClient>(isRedisClient, "must be a client of ioredis or of redis"),
  prefix: z
    .string()
    .regex(/^[^{}]{1,200}$/, "must have 1 to 200 characters, none of them a brace")
    .optional(),
  maxChanges: z.int().min(1).max(10_000_000).optional(),
  timeoutMs: z.number().min(1).max(2_147_483_647).optional(),
  clock: ClockSchema.optional(),
} satisfies Record<keyof RedisRegistrationStoreOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming every wrong option. */
export function checkOptions(options: unknown): void {
  readOptions(OptionsSchema, options, "an option of the Redis store");
}
