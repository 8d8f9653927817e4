import type { SchemaNames } from "./names.ts";
import type { PostgresPool } from "./pool.ts";
import { run, statement } from "./run.ts";

/**
 * Brings the schema to the last of its versions: in one transaction, one process at a time. A schema that is there already stays as it is.
 * A schema of a later version is left alone: migrations only add, so that processes of both versions run side by side.
 *
 * @param versions Statements that lead from each version to the next one. What is released is never changed: a change is a further version.
 */
export async function migrate(pool: PostgresPool, { s }: SchemaNames, versions: readonly string[]): Promise<void> {
  const client = await pool.connect();
  const execute = (text: string) => run(client, statement(text)());
  let failed = true;
  try {
    await execute("BEGIN ISOLATION LEVEL READ COMMITTED");
    await execute(`SELECT pg_advisory_xact_lock(hashtextextended('${s} migration', 0))`);
    await execute(`CREATE SCHEMA IF NOT EXISTS ${s}`);
    await execute(`CREATE TABLE IF NOT EXISTS ${s}.version (version integer NOT NULL)`);
    const [row] = await execute(`SELECT max(version) FROM ${s}.version`);
    for (let version = Number(row?.[0] ?? 0); version < versions.length; version++) {
      await execute(versions[version] as string);
      await execute(`INSERT INTO ${s}.version VALUES (${version + 1})`);
    }
    await execute("COMMIT");
    failed = false;
  } finally {
    // a connection in a transaction that failed is not used again
    client.release(failed);
  }
}
