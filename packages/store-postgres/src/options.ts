import type { Clock } from "@cloud-messaging/core";
import { ClockSchema, readOptions, z } from "@cloud-messaging/core/transport";
import { SCHEMA_NAME } from "./names.ts";
import type { PostgresPool } from "./postgres.ts";

/** Options of `createPostgresRegistrationStore`. */
export interface PostgresRegistrationStoreOptions {
  /**
   * A `Pool` of `pg`, which stays the application's: the store never ends it. One of its connections is taken while somebody follows the
   * changes, unless it has only one. Its `connectionTimeoutMillis` and `query_timeout` limit the waits for a server that does not answer.
   */
  readonly pool: PostgresPool;
  /**
   * Schema of the store's tables. One for each sender ID or project. Letters, digits and underscores, at most 48, a letter or an underscore
   * first.
   * @defaultValue `"cloud_messaging"`
   */
  readonly schema?: string;
  /**
   * Time for which changes are kept for those who follow them; `prune` drops older ones. Unit: milliseconds. Range: 0 or more.
   * @defaultValue 604800000, seven days
   */
  readonly keepChangesForMs?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const OptionsSchema = z.strictObject({
  pool: z.custom<PostgresPool>(
    (pool) =>
      ["query", "connect", "on"].every((name) => typeof (pool as Record<string, unknown>)?.[name] === "function"),
    "must be a Pool of pg",
  ),
  schema: z
    .string()
    .regex(SCHEMA_NAME, "must be 1 to 48 letters, digits and underscores, the first of them no digit")
    .optional(),
  keepChangesForMs: z.number().min(0).optional(),
  clock: ClockSchema.optional(),
} satisfies Record<keyof PostgresRegistrationStoreOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming every wrong option. */
export function checkOptions(options: unknown): void {
  readOptions(OptionsSchema, options, "an option of the PostgreSQL store");
}
