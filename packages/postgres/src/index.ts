// A schema of our packages in PostgreSQL. Internal: its names change with them.

export { namesOf, type SchemaNames } from "./names.ts";
export { postgresOptions } from "./options.ts";
export type { PostgresClient, PostgresPool, PostgresPooledClient, PostgresStatement } from "./pool.ts";
export { codeOf, type Row, type StorageErrorFactory, statement } from "./run.ts";
export { openSchema, type PostgresSchema, type SchemaSettings } from "./schema.ts";
