import { type Clock, ClosedError } from "@cloud-messaging/core";
import { listenOn } from "./listen.ts";
import { migrate } from "./migrate.ts";
import type { SchemaNames } from "./names.ts";
import { checkClient } from "./options.ts";
import { ignoreIdleErrors, type PostgresClient, type PostgresPool, type PostgresStatement } from "./pool.ts";
import { codeOf, type Row, run, type StorageErrorFactory } from "./run.ts";

/** Settings of `openSchema`. */
export interface SchemaSettings<Name extends string> {
  /** Name of what has the schema, such as "The registration store": subject of errors, and mark of the tables. */
  readonly owner: string;
  readonly pool: PostgresPool;
  readonly names: SchemaNames;
  readonly clock: Clock;
  readonly statements: Readonly<Record<Name, (values: unknown[]) => PostgresStatement>>;
  /** Statements that lead from each version of the tables to the next one. */
  readonly versions: readonly string[];
  readonly storageError?: StorageErrorFactory;
}

/** Tables and functions of a package in a schema of their own, on a pool of the application's. */
export interface PostgresSchema<Name extends string> {
  /**
   * Runs a statement by its name: in the transaction of the given client, or in one of its own. In its own it is run again, twice at most, where
   * the server ended it in favour of another: the application's transactions may lock in another order.
   *
   * @throws {ClosedError} the schema is closed. @throws {InvalidOptionsError} `client` is no connection, or the tables are not set up.
   */
  ask(name: Name, values: unknown[], client?: PostgresClient): Promise<readonly Row[]>;
  /** Calls `wake` after a notification on the channel. Returns a function that ends it. */
  listen(wake: () => void): () => void;
  /** @throws {InvalidOptionsError} the schema has the tables of another owner. */
  migrate(): Promise<void>;
  /** Ends the listening; further calls are refused. The pool stays open. */
  close(): Promise<void>;
}

/**
 * Opens a schema. Nothing is asked of the server yet.
 *
 * @example
 * ```ts
 * import { systemClock } from "@cloud-messaging/core/transport";
 * import { namesOf, openSchema, statement } from "@cloud-messaging/postgres";
 * import pg from "pg";
 *
 * const names = namesOf("cloud_messaging", "changes");
 * const { ask, migrate } = openSchema({
 *   owner: "The registration store",
 *   pool: new pg.Pool(),
 *   names,
 *   clock: systemClock,
 *   statements: { counts: statement(`SELECT count(*) FROM ${names.s}.registration`) },
 *   versions: [`CREATE TABLE ${names.s}.registration (id bigint PRIMARY KEY)`],
 * });
 * await migrate();
 * const [row] = await ask("counts", []);
 * ```
 */
export function openSchema<Name extends string>(settings: SchemaSettings<Name>): PostgresSchema<Name> {
  const { owner, pool, names, clock, statements, versions, storageError } = settings;
  const listening = listenOn(pool, names.channel, clock);
  const stopIgnoring = ignoreIdleErrors(pool);
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw new ClosedError(owner);
  };

  return {
    async ask(name, values, client) {
      assertOpen();
      const statement = statements[name](values);
      if (client !== undefined) {
        checkClient(client);
        return run(client, statement, storageError);
      }
      for (let attempt = 1; ; attempt++) {
        try {
          return await run(pool, statement, storageError);
        } catch (error) {
          if (attempt === 3 || !["40P01", "40001"].includes(codeOf(error))) throw error;
        }
      }
    },

    listen(wake) {
      assertOpen();
      return listening.listen(wake);
    },

    async migrate() {
      assertOpen();
      await migrate(pool, names, owner, versions);
    },

    async close() {
      if (closed) return;
      closed = true;
      listening.close();
      stopIgnoring();
    },
  };
}
