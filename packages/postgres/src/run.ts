import { ConnectionError, InvalidOptionsError } from "@cloud-messaging/core";
import type { PostgresClient, PostgresStatement } from "./pool.ts";

/** Row as the server writes it: the text of each column. */
export type Row = readonly (string | null)[];

// the application may have set parsers of its own for a type; the text is the same for everybody
const TYPES = { getTypeParser: () => (text: string) => text };

/** Makes the statement for one text; `name` is that under which connections keep it. */
export function statement(text: string, name?: string): (values?: unknown[]) => PostgresStatement {
  const common = { text, rowMode: "array" as const, types: TYPES, ...(name === undefined ? undefined : { name }) };
  return (values) => (values === undefined ? common : { ...common, values });
}

/** Makes the error of a server that cannot be reached, or has no space left. */
export type StorageErrorFactory = (message: string, cause: unknown) => Error;

/**
 * Runs a statement.
 *
 * @param storageError By default a `ConnectionError`, and for the lack of space the server's own error.
 * @throws the error of `storageError`: the statement may have run. @throws {InvalidOptionsError} the schema has not been set up.
 */
export async function run(
  client: PostgresClient,
  asked: PostgresStatement,
  storageError?: StorageErrorFactory,
): Promise<readonly Row[]> {
  try {
    return (await client.query(asked)).rows as readonly Row[];
  } catch (error) {
    throw described(error, storageError);
  }
}

/** SQLSTATE of an error of the server, or the system's code; empty without one. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

function described(cause: unknown, storageError?: StorageErrorFactory): unknown {
  const code = codeOf(cause);
  // an error of the server's own has a severity; the others are of the connection
  const isOfServer = typeof (cause as { severity?: unknown } | null | undefined)?.severity === "string";
  if (!isOfServer || /^(08|57P0|53300)/.test(code)) {
    const message = "PostgreSQL cannot be reached, or ended the connection; the cause says why";
    return storageError?.(message, cause) ?? new ConnectionError(message, { cause });
  }
  if (/^5[38]/.test(code)) {
    return storageError?.("PostgreSQL has no space or memory left, or cannot use its files", cause) ?? cause;
  }
  // no such schema, table, function or column
  if (!/^(3F000|42P01|42883|42703)$/.test(code)) return cause;
  const problem = "has no tables of this version in this database: call migrate() first";
  return new InvalidOptionsError([{ path: "schema", problem }], { cause });
}
