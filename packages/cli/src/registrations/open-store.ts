import type { RegistrationStore } from "@cloud-messaging/core";
import { loadOptionalPackage } from "@cloud-messaging/core/transport";
import { UsageError } from "../exit-status.ts";
import type { OptionValues } from "../line/command.ts";
import { text } from "../line/options.ts";
import { openPostgres, openRedis, readStorageUrl } from "../storage/drivers.ts";

/** The option that names a registration store. */
export const STORE_OPTION = {
  store: text(
    "URL",
    "registration store: lmdb:FOLDER, postgres://…?schema=NAME or redis://…?prefix=NAME (default: the variable CLOUD_MESSAGING_STORE_URL)",
  ),
};

/** A store that is open. */
export interface OpenStore {
  readonly registrations: RegistrationStore;
  close(): Promise<void>;
}

/**
 * Opens the registration store that the option or the variable names.
 *
 * @throws {UsageError} there is none, or its URL cannot be used. @throws {MissingPackageError} its package is not installed.
 */
export async function openStore({ store }: OptionValues<typeof STORE_OPTION>): Promise<OpenStore> {
  const url = readStorageUrl(store, "--store", "CLOUD_MESSAGING_STORE_URL");
  switch (url.kind) {
    case "lmdb": {
      const { createLmdbRegistrationStore } = await loadOptionalPackage(
        "@cloud-messaging/store-lmdb",
        () => import("@cloud-messaging/store-lmdb"),
      );
      const registrations = createLmdbRegistrationStore({ path: url.path });
      return { registrations, close: () => registrations.close() };
    }
    case "postgres": {
      const { createPostgresRegistrationStore } = await loadOptionalPackage(
        "@cloud-messaging/store-postgres",
        () => import("@cloud-messaging/store-postgres"),
      );
      const pool = await openPostgres(url.address);
      const registrations = createPostgresRegistrationStore({ pool, ...named("schema", url.name) });
      return {
        registrations,
        async close() {
          await registrations.close();
          await pool.end();
        },
      };
    }
    case "redis": {
      const { createRedisRegistrationStore } = await loadOptionalPackage(
        "@cloud-messaging/store-redis",
        () => import("@cloud-messaging/store-redis"),
      );
      const client = await openRedis(url.address);
      const registrations = createRedisRegistrationStore({ client, ...named("prefix", url.name) });
      return {
        registrations,
        async close() {
          await registrations.close();
          client.disconnect();
        },
      };
    }
    default:
      throw new UsageError("--store must be an lmdb:, postgres: or redis: URL");
  }
}

function named<K extends string>(name: K, value: string | undefined): { [Name in K]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { [Name in K]?: string };
}
