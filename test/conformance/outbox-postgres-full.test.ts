import { randomBytes } from "node:crypto";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox, createPostgresEngine } from "@cloud-messaging/outbox-postgres";
import pg from "pg";
import { expect, it } from "vitest";
import { runsPostgres, startPostgres } from "../support/postgres.ts";
import { systemUser } from "../support/programs.ts";
import { mountSmallDisk } from "../support/small-disk.ts";

const text = (): string => randomBytes(1_500).toString("base64url");

it.runIf(runsPostgres)(
  "an outbox in PostgreSQL gets a clear error when the disk is full, loses nothing that was stored, and goes on when there is space",
  async ({ skip }) => {
    using disk = mountSmallDisk(4, systemUser("postgres"));
    if (disk === undefined) return skip("a small disk cannot be mounted here: that needs root and the right to mount");
    await using server = await startPostgres();
    await using emulator = await startEmulator({ autoRegister: true });
    // everything that the engine stores is on the small disk
    const setup = new pg.Client(server.url);
    await setup.connect();
    await setup.query(`CREATE TABLESPACE small LOCATION '${disk.path}'`);
    await setup.query("ALTER DATABASE postgres SET default_tablespace = small");
    await setup.end();
    const pool = new pg.Pool({ connectionString: server.url, max: 4 });
    const engine = createPostgresEngine({ pool });
    await engine.migrate();
    const outbox = createOutbox({
      engine,
      transport: createGcmHttpTransport(emulator.httpOptions()),
      retry: { minMs: 0, initialMs: 0, maxMs: 0 },
    });
    let stored = 0;
    for (let failures = 0; failures < 2; ) {
      const message = () => outbox.enqueue({ target: { token: text() }, data: { text: text() } });
      const results = await Promise.allSettled(Array.from({ length: 50 }, message));
      const failed = results.filter((result) => result.status === "rejected");
      stored += results.length - failed.length;
      if (failed.length === 0) continue;
      failures++;
      expect(failed[0]?.reason).toMatchObject({
        code: "ERR_OUTBOX_STORAGE",
        message: expect.stringMatching(/PostgreSQL has no space/),
      });
    }
    expect(stored).toBeGreaterThan(100);
    expect((await outbox.backlog()).recipients).toBe(stored);

    const working = outbox.work({ untilIdle: true, concurrency: 4 });
    disk.resize(64);
    await outbox.enqueue({ target: { token: "late" } });
    await working;
    const results = new Map<string, number>();
    for await (const { outcome } of outbox.results()) {
      expect(outcome.kind).toBe("accepted");
      results.set(outcome.recipient, (results.get(outcome.recipient) ?? 0) + 1);
    }
    expect(results.size).toBe(stored + 1);
    expect([...results.values()].every((count) => count === 1)).toBe(true);
    await outbox.close();
    await pool.end();
  },
);
