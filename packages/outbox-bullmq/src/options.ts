import { type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { ClockSchema, readOptions, z } from "@cloud-messaging/core/transport";
import type { RedisClient } from "./redis.ts";

/** Options of `createBullmqEngine`. */
export interface BullmqEngineOptions {
  /**
   * A client of `ioredis`, which stays the application's: the engine never ends it. Without a `keyPrefix` of its own. One further connection
   * is made of it while this process works, to be told of work.
   */
  readonly client: RedisClient;
  /**
   * Beginning of the outbox's keys, and of those of its queues: BullMQ's `prefix` with braces around it. One for each outbox. The braces make
   * it the keys' hash tag, so that a cluster keeps them on one node. At most 200 characters, without braces and colons.
   * @defaultValue `"cloud-messaging-outbox"`
   */
  readonly prefix?: string;
  /**
   * Longest wait for an answer, also while the client reconnects; then the call rejects with `OutboxStorageError`. Unit: milliseconds.
   * Range: 1 to 2147483647.
   * @defaultValue 5000
   */
  readonly timeoutMs?: number;
  /**
   * For `timeoutMs`. Leases and dates go by the server's clock.
   * @defaultValue the machine's clock
   */
  readonly clock?: Clock;
}

const OptionsSchema = z.strictObject({
  client: z.custom<RedisClient>(isClient, "must be a client of ioredis"),
  prefix: z
    .string()
    .regex(/^[^{}:]{1,200}$/, "must have 1 to 200 characters, none of them a brace or a colon")
    .optional(),
  timeoutMs: z.number().min(1).max(2_147_483_647).optional(),
  clock: ClockSchema.optional(),
} satisfies Record<keyof BullmqEngineOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming every wrong option. */
export function checkOptions(options: unknown): void {
  const { client } = readOptions(OptionsSchema, options, "an option of the BullMQ engine");
  if (!client.options.keyPrefix) return;
  throw new InvalidOptionsError([{ path: "client", problem: "must have no keyPrefix: use the option prefix" }]);
}

function isClient(client: unknown): boolean {
  const of = client as Partial<RedisClient> | null | undefined;
  return typeof of?.callBuffer === "function" && typeof of.duplicate === "function";
}
