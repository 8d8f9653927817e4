export type { PostgresRegistrationStoreOptions } from "./options.ts";
export type { PostgresClient, PostgresPool, PostgresPooledClient, PostgresStatement } from "./postgres.ts";
export {
  createPostgresRegistrationStore,
  type PostgresRegistrationStore,
  type TransactionOptions,
} from "./store.ts";
