import { InvalidOptionsError, OutboxStorageError } from "@cloud-messaging/core";

/** Statement of the engine: prepared on each connection at its first use, rows as arrays, values as the text of the server. */
export interface PostgresStatement {
  name?: string;
  text: string;
  values?: unknown[];
  rowMode: "array";
  types: { getTypeParser(...of: unknown[]): (text: string) => string };
}

/** A connection: what the engine uses of a `Client` of `pg`. */
export interface PostgresClient {
  query(statement: PostgresStatement): Promise<{ rows: unknown[] }>;
}

/** A connection taken from a pool. */
export interface PostgresPooledClient extends PostgresClient {
  on(event: "notification" | "error" | "end", listener: () => void): unknown;
  removeListener(event: "notification" | "error" | "end", listener: () => void): unknown;
  release(destroy?: boolean): void;
}

/** A pool of connections: what the engine uses of a `Pool` of `pg`. */
export interface PostgresPool extends PostgresClient {
  connect(): Promise<PostgresPooledClient>;
  on(event: "error", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
}

/** Row as the server writes it: the text of each column. */
export type Row = readonly (string | null)[];

// the application may have set parsers of its own for a type; the text is the same for everybody
const TYPES = { getTypeParser: () => (text: string) => text };

/** Makes the statement for one text; `name` is that under which connections keep it. */
export function statement(text: string, name?: string): (values?: unknown[]) => PostgresStatement {
  const common = { text, rowMode: "array" as const, types: TYPES, ...(name === undefined ? undefined : { name }) };
  return (values) => (values === undefined ? common : { ...common, values });
}

/**
 * Runs a statement.
 *
 * @throws {InvalidOptionsError} the schema has not been set up.
 * @throws {OutboxStorageError} the server cannot be reached, or ended the connection: the statement may have run. Or it has run out of space,
 * or cannot use its files.
 */
export async function run(client: PostgresClient, asked: PostgresStatement): Promise<readonly Row[]> {
  try {
    return (await client.query(asked)).rows as readonly Row[];
  } catch (error) {
    throw described(error);
  }
}

/**
 * Runs a statement in a transaction of its own; once more, and again, where the server ended it in favour of another: the application's
 * transactions may lock in another order.
 */
export async function runAlone(pool: PostgresPool, asked: PostgresStatement): Promise<readonly Row[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(pool, asked);
    } catch (error) {
      if (attempt === 3 || !["40P01", "40001"].includes(codeOf(error))) throw error;
    }
  }
}

const ignore = (): void => undefined;
/** Engines on each pool. */
const engines = new WeakMap<PostgresPool, number>();

/**
 * Listens for the errors of idle connections, once for all engines of a pool: a server that ends ends those, and without a listener the process.
 *
 * @returns a function that ends it.
 */
export function ignoreIdleErrors(pool: PostgresPool): () => void {
  const add = (more: number): number => {
    const count = (engines.get(pool) ?? 0) + more;
    engines.set(pool, count);
    return count;
  };
  if (add(1) === 1) pool.on("error", ignore);
  return () => {
    if (add(-1) === 0) pool.removeListener("error", ignore);
  };
}

/** SQLSTATE of an error of the server, or the system's code; empty without one. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

function described(cause: unknown): unknown {
  const code = codeOf(cause);
  // an error of the server's own has a severity; the others are of the connection
  const isOfServer = typeof (cause as { severity?: unknown } | null | undefined)?.severity === "string";
  if (!isOfServer || /^(08|57P0|53300)/.test(code)) {
    return new OutboxStorageError("PostgreSQL cannot be reached, or ended the connection; the cause says why", cause);
  }
  if (code.startsWith("53") || code.startsWith("58")) {
    return new OutboxStorageError("PostgreSQL has no space or memory left, or cannot use its files", cause);
  }
  // no such schema, table, function or column
  if (!/^(3F000|42P01|42883|42703)$/.test(code)) return cause;
  const problem = "has no tables of this version in this database: call the engine's migrate() first";
  return new InvalidOptionsError([{ path: "schema", problem }], { cause });
}
