import type { Clock } from "@cloud-messaging/core";
import { readOptions, z } from "@cloud-messaging/core/transport";
import { type PostgresPool, postgresOptions } from "@cloud-messaging/postgres";

/** Options of `createPostgresEngine`. */
export interface PostgresEngineOptions {
  /**
   * A `Pool` of `pg`, which stays the application's: the engine never ends it. One of its connections is taken while this process works,
   * unless it has only one: then the process looks for work now and then. Its `connectionTimeoutMillis` and `query_timeout` limit the waits for a server that does not answer.
   */
  readonly pool: PostgresPool;
  /**
   * Schema of the outbox's tables, and of nothing else. One for each outbox. Letters, digits and underscores, at most 48, a letter or an underscore first.
   * @defaultValue `"cloud_messaging_outbox"`
   */
  readonly schema?: string;
  /**
   * For the wait before a lost connection that listens is replaced. Leases and dates go by the server's clock.
   * @defaultValue the machine's clock
   */
  readonly clock?: Clock;
}

const OptionsSchema = z.strictObject(postgresOptions satisfies Record<keyof PostgresEngineOptions, z.ZodType>);

/** @throws {InvalidOptionsError} naming every wrong option. */
export function checkOptions(options: unknown): void {
  readOptions(OptionsSchema, options, "an option of the PostgreSQL engine");
}
