import { InvalidOptionsError } from "@cloud-messaging/core";
import type { SchemaNames } from "./names.ts";
import type { PostgresPool } from "./pool.ts";
import { run, statement } from "./run.ts";

/**
 * Brings the schema to the last of its versions: in one transaction, one process at a time. A schema that is there already stays as it is.
 * A schema of a later version is left alone: migrations only add, so that processes of both versions run side by side.
 *
 * @param owner Name of what has the tables, the same for each of its versions.
 * @param versions Statements that lead from each version to the next one. What is released is never changed: a change is a further version.
 * @throws {InvalidOptionsError} the schema has the tables of another owner.
 */
export async function migrate(
  pool: PostgresPool,
  { s }: SchemaNames,
  owner: string,
  versions: readonly string[],
): Promise<void> {
  const client = await pool.connect();
  // a connection that is lost tells it by this event too, and without a listener it ends the process
  client.on("error", ignore);
  const execute = (text: string, values?: unknown[]) => run(client, statement(text)(values));
  let failed = true;
  try {
    await execute("BEGIN ISOLATION LEVEL READ COMMITTED");
    await execute(`SELECT pg_advisory_xact_lock(hashtextextended('${s} migration', 0))`);
    await execute(`CREATE SCHEMA IF NOT EXISTS ${s}`);
    await execute(`CREATE TABLE IF NOT EXISTS ${s}.version (version integer NOT NULL, owner text NOT NULL)`);
    const [[last, other] = []] = await execute(`SELECT max(version), max(owner) FROM ${s}.version`);
    if (other != null && other !== owner) {
      const problem = `has the tables of another (${other}): give each a schema of its own`;
      throw new InvalidOptionsError([{ path: "schema", problem }]);
    }
    for (let version = Number(last ?? 0); version < versions.length; version++) {
      await execute(versions[version] as string);
      await execute(`INSERT INTO ${s}.version VALUES ($1, $2)`, [version + 1, owner]);
    }
    await execute("COMMIT");
    failed = false;
  } finally {
    // one that is not used again may still report an error of its end
    if (!failed) client.removeListener("error", ignore);
    // a connection in a transaction that failed is not used again
    client.release(failed);
  }
}

const ignore = (): void => undefined;
