import type { Clock } from "@cloud-messaging/core";
import { readOptions, z } from "@cloud-messaging/core/transport";
import { type PostgresPool, postgresOptions } from "@cloud-messaging/postgres";

/** Options of `createPostgresRegistrationStore`. */
export interface PostgresRegistrationStoreOptions {
  /**
   * A `Pool` of `pg`, which stays the application's: the store never ends it. One of its connections is taken while somebody follows the
   * changes, unless it has only one. Its `connectionTimeoutMillis` and `query_timeout` limit the waits for a server that does not answer.
   */
  readonly pool: PostgresPool;
  /**
   * Schema of the store's tables, and of nothing else. One for each sender ID or project. Letters, digits and underscores, at most 48, a letter or an underscore
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
  ...postgresOptions,
  keepChangesForMs: z.number().min(0).optional(),
} satisfies Record<keyof PostgresRegistrationStoreOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming every wrong option. */
export function checkOptions(options: unknown): void {
  readOptions(OptionsSchema, options, "an option of the PostgreSQL store");
}
