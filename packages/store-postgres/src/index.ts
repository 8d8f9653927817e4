export type { PostgresClient, PostgresPool, PostgresPooledClient, PostgresStatement } from "@cloud-messaging/postgres";
export type { PostgresRegistrationStoreOptions } from "./options.ts";
export {
  createPostgresRegistrationStore,
  type PostgresRegistrationStore,
  type TransactionOptions,
} from "./store.ts";
