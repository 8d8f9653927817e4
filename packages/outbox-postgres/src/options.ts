import { type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { ClockSchema, readOptions, z } from "@cloud-messaging/core/transport";
import { SCHEMA_NAME } from "./names.ts";
import type { PostgresClient, PostgresPool } from "./postgres.ts";

/** Options of `createPostgresEngine`. */
export interface PostgresEngineOptions {
  /**
   * A `Pool` of `pg`, which stays the application's: the engine never ends it. One of its connections is taken while this process works, so
   * it needs two or more. Its `connectionTimeoutMillis` and `query_timeout` limit the waits for a server that does not answer.
   */
  readonly pool: PostgresPool;
  /**
   * Schema of the outbox's tables. One for each outbox. Letters, digits and underscores, at most 48, a letter or an underscore first.
   * @defaultValue `"cloud_messaging_outbox"`
   */
  readonly schema?: string;
  /**
   * For the wait before a lost connection that listens is replaced. Leases and dates go by the server's clock.
   * @defaultValue the machine's clock
   */
  readonly clock?: Clock;
}

const OptionsSchema = z.strictObject({
  pool: z.custom<PostgresPool>((pool) => has(pool, "query", "connect", "on"), "must be a Pool of pg"),
  schema: z
    .string()
    .regex(SCHEMA_NAME, "must be 1 to 48 letters, digits and underscores, the first of them no digit")
    .optional(),
  clock: ClockSchema.optional(),
} satisfies Record<keyof PostgresEngineOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming every wrong option. */
export function checkOptions(options: unknown): void {
  readOptions(OptionsSchema, options, "an option of the PostgreSQL engine");
}

/** @throws {InvalidOptionsError} it is no connection. */
export function checkClient(client: PostgresClient): void {
  if (has(client, "query")) return;
  throw new InvalidOptionsError([{ path: "client", problem: "must be a client of pg with a transaction open" }]);
}

function has(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === "function");
}
