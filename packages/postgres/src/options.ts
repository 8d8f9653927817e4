import { InvalidOptionsError } from "@cloud-messaging/core";
import { ClockSchema, z } from "@cloud-messaging/core/transport";
import { SCHEMA_NAME } from "./names.ts";
import type { PostgresClient, PostgresPool } from "./pool.ts";

/** Options that every package on PostgreSQL has, as schemas for a `strictObject`. */
export const postgresOptions = {
  pool: z.custom<PostgresPool>((pool) => has(pool, "query", "connect", "on"), "must be a Pool of pg"),
  schema: z
    .string()
    .regex(SCHEMA_NAME, "must be 1 to 48 letters, digits and underscores, the first of them no digit")
    .optional(),
  clock: ClockSchema.optional(),
};

/** @throws {InvalidOptionsError} it is no connection. */
export function checkClient(client: PostgresClient): void {
  if (has(client, "query")) return;
  throw new InvalidOptionsError([{ path: "client", problem: "must be a client of pg with a transaction open" }]);
}

function has(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === "function");
}
