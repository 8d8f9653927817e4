import { createPostgresEngine } from "@cloud-messaging/outbox-postgres";
import pg from "pg";
import { afterAll, beforeAll, describe } from "vitest";
import { type PostgresServer, runsPostgres, startPostgres } from "../support/postgres.ts";
import { outboxEngineContract } from "./outbox-engine.contract.ts";

describe.runIf(runsPostgres)("an outbox engine in PostgreSQL", () => {
  let server: PostgresServer;
  let admin: pg.Pool;
  let count = 0;
  beforeAll(async () => {
    server = await startPostgres();
    admin = new pg.Pool({ connectionString: server.url });
  });
  afterAll(async () => {
    await admin?.end();
    await server?.[Symbol.asyncDispose]();
  });

  outboxEngineContract(
    "PostgreSQL",
    async () => {
      const schema = `outbox_${count++}`;
      // a few connections, so that calls meet
      const pool = new pg.Pool({ connectionString: server.url, max: 4 });
      const setUp = createPostgresEngine({ pool, schema });
      await setUp.migrate();
      await setUp.close();
      let now = Date.now();
      const setClock = () =>
        admin.query(
          `CREATE OR REPLACE FUNCTION ${schema}.now_ms() RETURNS double precision LANGUAGE sql VOLATILE AS 'SELECT ${now}::double precision'`,
        );
      await setClock();
      return {
        open: async () => createPostgresEngine({ pool, schema }),
        async pass(ms) {
          now += ms;
          await setClock();
        },
        async end() {
          await pool.end();
          await admin.query(`DROP SCHEMA ${schema} CASCADE`);
        },
      };
    },
    { runs: 20 },
  );
});
