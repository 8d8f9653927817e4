import { randomUUID } from "node:crypto";
import { OutboxStorageError } from "@cloud-messaging/core";
import {
  checkResultCursor,
  type LeaseStatus,
  type OutboxEngine,
  type Submitted,
  systemClock,
} from "@cloud-messaging/core/transport";
import { namesOf, openSchema, type PostgresClient, type Row } from "@cloud-messaging/postgres";
import { checkOptions, type PostgresEngineOptions } from "./options.ts";
import { appendParameters, hashOf, submitParameters, writeParameters } from "./parameters.ts";
import { chunkOf, claimOf, resultOf, submissionOf } from "./rows.ts";
import { readFunctions } from "./sql-read.ts";
import { storeFunctions } from "./sql-store.ts";
import { tables } from "./sql-tables.ts";
import { workFunctions } from "./sql-work.ts";
import { statementsOf } from "./statements.ts";

/** An outbox's storage in PostgreSQL. */
export interface PostgresEngine extends OutboxEngine<PostgresClient> {
  /**
   * Creates the schema and its tables, or brings them to the version of this package. Safe to call at each start, by any number of
   * processes at once. Needs the right to create in the database; the other calls need USAGE on the schema and rights on what is in it.
   *
   * @throws {InvalidOptionsError} the schema has other tables: those of a registration store, for one.
   */
  migrate(): Promise<void>;
}

/**
 * Keeps an outbox in PostgreSQL 12 or later, on a pool of the application's own: `enqueue(message, { client })` is a part of the caller's
 * transaction. Leases end by the server's clock. After the server was lost the engine goes on by itself; until then its calls
 * reject with `OutboxStorageError`, and one that was under way may have been made.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
 * import { createOutbox, createPostgresEngine } from "@cloud-messaging/outbox-postgres";
 * import pg from "pg";
 *
 * const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], connectionTimeoutMillis: 5_000 });
 * const engine = createPostgresEngine({ pool });
 * await engine.migrate();
 * await using outbox = createOutbox({ engine, transport: createGcmHttpTransport({ apiKey: "AIza…" }) });
 *
 * const client = await pool.connect();
 * await client.query("BEGIN");
 * await client.query("INSERT INTO orders (id) VALUES (17)");
 * await outbox.enqueue({ target: { token: "of-a-device" }, notification: { title: "Order 17" } }, { key: "order-17", client });
 * await client.query("COMMIT");
 * client.release();
 * await outbox.work({ untilIdle: true });
 * ```
 */
export function createPostgresEngine(options: PostgresEngineOptions): PostgresEngine {
  checkOptions(options);
  const { pool, schema = "cloud_messaging_outbox", clock = systemClock } = options;
  const names = namesOf(schema, "work");
  const { ask, listen, migrate, close } = openSchema({
    owner: "The outbox's engine",
    pool,
    names,
    clock,
    statements: statementsOf(names, schema),
    versions: [tables(names) + storeFunctions(names) + workFunctions(names) + readFunctions(names)],
    storageError: (message, cause) => new OutboxStorageError(message, cause),
  });

  return {
    name: "postgres",

    async submit(submissions, client) {
      const answers: Submitted[] = new Array(submissions.length);
      for (const [at, id, created] of await ask("submit", submitParameters(submissions), client)) {
        answers[Number(at)] = { id: id as string, created: created === "t" };
      }
      return answers;
    },

    async append(addition, client) {
      const [row] = await ask("append", appendParameters(addition), client);
      return { stored: row?.[0] === "t", submission: submissionOf(row, 1) };
    },

    async claim({ lanes, limit, leaseMs, submission }) {
      return claimOf(await ask("claim", [lanes, limit, leaseMs, submission, randomUUID()]));
    },

    async write(updates) {
      if (updates.length === 0) return [];
      return statusesOf(await ask("write", writeParameters(updates)));
    },

    async renew(leases, leaseMs) {
      if (leases.length === 0) return [];
      const refs = leases.map(({ submission, chunk, lease }) => ({ submission, chunk, lease }));
      return statusesOf(await ask("renew", [JSON.stringify(refs), leaseMs]));
    },

    async control(submission, change) {
      const [row] = await ask("control", [submission, JSON.stringify(change)]);
      return submissionOf(row);
    },

    async find(by, client) {
      const [row] =
        "id" in by ? await ask("findById", [by.id], client) : await ask("findByKey", [hashOf(by.key)], client);
      return submissionOf(row);
    },

    async chunks(submission, from, limit) {
      return (await ask("chunks", [submission, from, limit])).map(chunkOf);
    },

    async results({ after = "0", submission, failedOnly = false, limit }) {
      checkResultCursor(after);
      return (await ask("results", [after, submission, failedOnly, limit])).map(resultOf);
    },

    async backlog() {
      const rows = await ask("backlog", []);
      const lanes = Object.fromEntries(rows.map(([lane, recipients]) => [lane as string, Number(recipients)]));
      const due = rows.filter(([, , age]) => age != null);
      return {
        recipients: Object.values(lanes).reduce((sum, count) => sum + count, 0),
        lanes,
        oldestDueMs: Object.fromEntries(due.map(([lane, , age]) => [lane as string, Number(age)])),
      };
    },

    async prune(olderThanMs, limit) {
      const [row] = await ask("prune", [olderThanMs, limit]);
      return Number(row?.[0]);
    },

    onWork: listen,
    migrate,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function statusesOf(rows: readonly Row[]): LeaseStatus[] {
  return rows.map(([status]) => status as LeaseStatus);
}
