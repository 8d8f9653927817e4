/** Statement of our packages: prepared on each connection at its first use, rows as arrays, values as the text of the server. */
export interface PostgresStatement {
  name?: string;
  text: string;
  values?: unknown[];
  rowMode: "array";
  types: { getTypeParser(...of: unknown[]): (text: string) => string };
}

/** A connection: what our packages use of a `Client` of `pg`. */
export interface PostgresClient {
  query(statement: PostgresStatement): Promise<{ rows: unknown[] }>;
}

/** A connection taken from a pool. */
export interface PostgresPooledClient extends PostgresClient {
  on(event: "notification" | "error" | "end", listener: () => void): unknown;
  removeListener(event: "notification" | "error" | "end", listener: () => void): unknown;
  release(destroy?: boolean): void;
}

/** A pool of connections: what our packages use of a `Pool` of `pg`. */
export interface PostgresPool extends PostgresClient {
  /** Its `max` is the number of connections. */
  readonly options?: { readonly max?: number | undefined } | undefined;
  connect(): Promise<PostgresPooledClient>;
  on(event: "error", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
}

const ignore = (): void => undefined;
/** Users of each pool. */
const users = new WeakMap<PostgresPool, number>();

/**
 * Listens for the errors of idle connections, once for all users of a pool: a server that ends ends those, and without a listener the process.
 *
 * @returns a function that ends it.
 */
export function ignoreIdleErrors(pool: PostgresPool): () => void {
  const add = (more: number): number => {
    const count = (users.get(pool) ?? 0) + more;
    users.set(pool, count);
    return count;
  };
  if (add(1) === 1) pool.on("error", ignore);
  return () => {
    if (add(-1) === 0) pool.removeListener("error", ignore);
  };
}
