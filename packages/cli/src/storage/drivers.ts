import { loadOptionalPackage } from "@cloud-messaging/core/transport";
import type { Redis } from "ioredis";
import type { Pool } from "pg";
import { UsageError } from "../exit-status.ts";

/** Place of a store or an outbox. */
export type StorageUrl =
  | { readonly kind: "lmdb"; readonly path: string }
  /** `name` is the schema or the prefix. */
  | { readonly kind: "postgres" | "redis"; readonly address: string; readonly name?: string };

/**
 * Reads the place of a store or an outbox, of the option or of the environment.
 *
 * @throws {UsageError} there is none, or it cannot be used. The URL is not repeated, which may hold a password.
 */
export function readStorageUrl(given: string | undefined, option: string, variable: string): StorageUrl {
  const from = given === undefined ? variable : option;
  const address = given ?? process.env[variable] ?? "";
  if (address === "") throw new UsageError(`${option} URL is needed, or the variable ${variable}`);
  const [, scheme = "", rest = ""] = /^([a-z]+):(.*)$/s.exec(address) ?? [];
  if (scheme === "lmdb") {
    const path = rest.replace(/^\/\/(?=\/)/, "");
    if (path === "") throw new UsageError(`${from}: lmdb: wants a folder, such as lmdb:./data`);
    return { kind: "lmdb", path };
  }
  const kind = scheme === "postgresql" ? "postgres" : scheme === "rediss" ? "redis" : scheme;
  if ((kind !== "postgres" && kind !== "redis") || !URL.canParse(address)) {
    throw new UsageError(`${from} must be an lmdb:, postgres: or redis: URL`);
  }
  const url = new URL(address);
  const parameter = kind === "postgres" ? "schema" : "prefix";
  const name = url.searchParams.get(parameter);
  url.searchParams.delete(parameter);
  return { kind, address: url.href, ...(name === null ? {} : { name }) };
}

/** Longest wait for a database. Unit: milliseconds. */
const WAIT_MS = 10_000;

/** Opens a pool of connections to PostgreSQL. A password may be in PGPASSWORD or `.pgpass`. */
export async function openPostgres(address: string): Promise<Pool> {
  const { default: pg } = await loadOptionalPackage("pg", () => import("pg"));
  const pool = new pg.Pool({ connectionString: address, connectionTimeoutMillis: WAIT_MS, max: 4 });
  // an idle connection that ends is replaced by the pool
  pool.on("error", () => {});
  return pool;
}

/** Opens a client of Redis or Valkey. */
export async function openRedis(address: string): Promise<Redis> {
  const { Redis } = await loadOptionalPackage("ioredis", () => import("ioredis"));
  const client = new Redis(address, { connectTimeout: WAIT_MS, maxRetriesPerRequest: 2, lazyConnect: false });
  // each call has its own error
  client.on("error", () => {});
  return client;
}
