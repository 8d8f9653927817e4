import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox } from "@cloud-messaging/outbox";
import { createBullmqEngine } from "@cloud-messaging/outbox-bullmq";
import { createOutbox as createOutboxOver, createPostgresEngine } from "@cloud-messaging/outbox-postgres";
import { createPostgresRegistrationStore } from "@cloud-messaging/store-postgres";
import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { cli } from "../support/cli.ts";
import { type PostgresServer, runsPostgres, startPostgres } from "../support/postgres.ts";
import { type RedisServer, runsRedis, startRedis } from "../support/redis.ts";

let folder: string;
let postgres: PostgresServer | undefined;
let redis: RedisServer | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-storage-"));
  if (runsPostgres) {
    postgres = await startPostgres();
    const pool = new pg.Pool({ connectionString: postgres.url });
    await createPostgresRegistrationStore({ pool, schema: "cli_store" }).migrate();
    await createPostgresEngine({ pool, schema: "cli_outbox" }).migrate();
    await pool.end();
  }
  if (runsRedis) redis = await startRedis();
});
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => vi.unstubAllEnvs());

const withParameter = (url: string, parameter: string) => `${url}${url.includes("?") ? "&" : "?"}${parameter}`;

const STORES: readonly (readonly [name: string, runs: boolean, url: () => string])[] = [
  ["lmdb", true, () => `lmdb:${folder}/registrations`],
  ["postgres", runsPostgres, () => withParameter(postgres?.url ?? "", "schema=cli_store")],
  ["redis", runsRedis, () => withParameter(redis?.url ?? "", "prefix=cli")],
];

describe.each(STORES)("cloud-messaging registrations over %s", (_, runs, url) => {
  it.runIf(runs)("imports, shows, exports and prunes", async () => {
    // by the variable, since a URL of a test's server may hold a password
    vi.stubEnv("CLOUD_MESSAGING_STORE_URL", url());
    const rows = [
      { userId: "ada", token: "tok-1", platform: "android", attributes: { beta: "yes" } },
      { userId: "ada", token: "tok-2", platform: "ios", locale: "pt-BR" },
      { userId: "grace", token: "tok-3", owner: "shared" },
    ];
    const input = rows.map((row) => `${JSON.stringify(row)}\n`).join("\n");
    expect(await cli(["registrations", "import"], { input })).toMatchObject({
      status: 0,
      err: "3 registrations imported\n",
    });

    const shown = await cli(["registrations", "show", "ada"]);
    expect(shown.status).toBe(0);
    expect(shown.out).toMatch(/^tok-1\tandroid\t20.*\t\ntok-2\tios\t20.*\t\n$/);
    expect((await cli(["registrations", "show", "nobody"])).status).toBe(1);

    const exported = await cli(["registrations", "export"]);
    expect(exported.err).toBe("3 registrations exported\n");
    const withoutTimes = exported
      .json<Record<string, unknown>>()
      .map(({ registeredAt, lastSeenAt, ...row }) => row)
      .sort((a, b) => (String(a["token"]) < String(b["token"]) ? -1 : 1));
    expect(withoutTimes).toEqual(rows.map(({ owner: __, ...row }) => row));
    expect((await cli(["registrations", "export", "--platform", "ios"])).err).toBe("1 registrations exported\n");
    // what export writes, import reads
    expect((await cli(["registrations", "import"], { input: exported.out })).err).toBe("3 registrations imported\n");

    expect((await cli(["registrations", "prune", "--unseen-for", "1d"])).err).toBe("0 registrations removed\n");
    await new Promise((resolve) => setTimeout(resolve, 5));
    const dry = await cli(["registrations", "prune", "--unseen-for", "0s", "--dry-run"]);
    expect(dry.err).toBe("3 registrations would be removed\n");
    const pruned = await cli(["registrations", "prune", "--unseen-for", "0s"]);
    expect(pruned.err).toBe("3 registrations removed\n");
    expect(pruned.json()).toHaveLength(3);
    expect((await cli(["registrations", "export"])).out).toBe("");
  });

  it.runIf(runs)("sends to a user, and removes what the service says is gone", async () => {
    vi.stubEnv("CLOUD_MESSAGING_STORE_URL", url());
    await using emulator = await startEmulator({ ccsPort: false });
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", new URL(emulator.httpUrl).host);
    const phone = emulator.createDevice();
    const rows = [phone.token, "gone"].map((token) => JSON.stringify({ userId: "ada", token }));
    await cli(["registrations", "import"], { input: rows.join("\n") });
    const sent = await cli(["send", "--user", "ada", "--title", "Hello", "--protocol", "gcm"]);
    expect(sent.status).toBe(1);
    expect(sent.out).toMatch(/^accepted .*\nunregistered {2}gone /);
    expect((await cli(["registrations", "show", "ada", "--json"])).json()).toMatchObject([
      { registrations: [{ token: phone.token }] },
    ]);
  });
});

describe("registrations that cannot be imported", () => {
  it.each([
    ["no JSON", "{", /^Line 2 is no JSON/m],
    ["no token", '{"userId":"a"}', /^Line 2 needs the texts userId and token/m],
    ["a field that there is not", '{"userId":"a","token":"b","plattform":"x"}', /^Line 2 has the field "plattform"/m],
    ["a token with a space", '{"userId":"a","token":"b c"}', /^Lines up to 2: The registration is not valid: token/m],
  ])("end the import with status 2: %s", async (_, line, problem) => {
    const input = `{"userId":"a","token":"first"}\n${line}\n`;
    const result = await cli(["registrations", "import", "--store", `lmdb:${folder}/wrong`], { input });
    expect(result.status).toBe(2);
    expect(result.err).toMatch(problem);
  });
});

describe("an import that is ended by Ctrl-C", () => {
  it("ends though more may come, with what was read stored, and status 130", async () => {
    const ending = new AbortController();
    async function* endless() {
      yield '{"userId":"a","token":"read"}\n';
      ending.abort();
      await new Promise(() => {});
    }
    const args = ["--store", `lmdb:${folder}/ended`];
    const result = await cli(["registrations", "import", ...args], { stdin: endless(), signal: ending.signal });
    expect(result).toMatchObject({ status: 130, err: "1 registrations imported\n" });
    expect((await cli(["registrations", "show", "a", ...args])).out).toMatch(/^read\t/);
  });
});

describe("a store or an outbox that cannot be opened", () => {
  it.each<[string, string[], number, RegExp]>([
    ["no URL", ["outbox", "status"], 2, /--outbox URL is needed, or the variable CLOUD_MESSAGING_OUTBOX_URL/],
    ["another scheme", ["outbox", "status", "--outbox", "file:/x"], 2, /must be an lmdb:, postgres: or redis: URL/],
    ["no folder", ["outbox", "status", "--outbox", "lmdb:"], 2, /lmdb: wants a folder/],
    [
      "nobody listens",
      ["registrations", "show", "a", "--store", "postgres://127.0.0.1:1/a"],
      1,
      /ECONNREFUSED|cannot be reached/,
    ],
    ["nobody listens", ["registrations", "show", "a", "--store", "redis://127.0.0.1:1"], 1, /cannot be reached/],
  ])("is told: %s", async (_, args, status, problem) => {
    const result = await cli(args);
    expect(result.err).toMatch(problem);
    expect(result.status).toBe(status);
  });
});

type Box = Awaited<ReturnType<typeof createOutbox>>;

const OUTBOXES: readonly (readonly [
  string,
  boolean,
  () => string,
  () => { box(transport?: never): Box; end(): Promise<void> },
])[] = [
  [
    "lmdb",
    true,
    () => `lmdb:${folder}/outbox`,
    () => ({
      box: (transport) =>
        createOutbox({
          path: join(folder, "outbox"),
          ...(transport === undefined ? {} : { transport, retry: { maxAttempts: 1 } }),
        }),
      end: async () => {},
    }),
  ],
  [
    "postgres",
    runsPostgres,
    () => withParameter(postgres?.url ?? "", "schema=cli_outbox"),
    () => {
      const pool = new pg.Pool({ connectionString: postgres?.url });
      const engine = createPostgresEngine({ pool, schema: "cli_outbox" });
      return {
        box: (transport) =>
          createOutboxOver({
            engine,
            ...(transport === undefined ? {} : { transport, retry: { maxAttempts: 1 } }),
          }) as unknown as Box,
        end: () => pool.end(),
      };
    },
  ],
  [
    "redis",
    runsRedis,
    () => withParameter(redis?.url ?? "", "prefix=cli-outbox"),
    () => {
      const client = new Redis(redis?.url ?? "");
      const engine = createBullmqEngine({ client, prefix: "cli-outbox" });
      return {
        box: (transport) =>
          createOutboxOver({ engine, ...(transport === undefined ? {} : { transport, retry: { maxAttempts: 1 } }) }),
        end: async () => client.disconnect(),
      };
    },
  ],
];

describe.each(OUTBOXES)("cloud-messaging outbox over %s", (_, runs, url, open) => {
  it.runIf(runs)("shows the backlog and progress, pauses, resumes, cancels, replays dead letters", async () => {
    vi.stubEnv("CLOUD_MESSAGING_OUTBOX_URL", url());
    await using emulator = await startEmulator({ ccsPort: false });
    const phones = [1, 2, 3].map(() => emulator.createDevice().token);
    const { box, end } = open();
    const transport = createGcmHttpTransport(emulator.httpOptions()) as never;
    const outbox = box(transport);
    try {
      const sale = await outbox.enqueueAll({ data: { a: "1" } }, phones, { key: "sale" });
      const waiting = await cli(["outbox", "status"]);
      expect(waiting).toMatchObject({ status: 0, out: "bulk\t3\nall\t3\n" });
      expect((await cli(["outbox", "pause", "sale", "--by-key"])).out).toContain(
        "paused in bulk · 0 of 3 settled · 3 pending",
      );
      expect((await cli(["outbox", "resume", sale.id, "--json"])).json()).toMatchObject([
        { id: sale.id, state: "running" },
      ]);

      emulator.faults.next({ error: "unavailable" });
      await outbox.work({ untilIdle: true });
      const watched = await cli(["outbox", "watch", "sale", "--by-key"]);
      expect(watched.out).toMatch(/^sale \(\S+\) · finished in bulk · 3 of 3 settled · .*2 accepted.*1 unavailable\n$/);
      const dead = await cli(["outbox", "dead", sale.id, "--json"]);
      expect(dead.json()).toMatchObject([{ id: sale.id, outcome: { kind: "retryable", code: "unavailable" } }]);
      const replayed = await cli(["outbox", "replay", sale.id, "--key", "again"]);
      expect((await cli(["outbox", "status", replayed.out.trim()])).out).toMatch(
        /^again .* 0 of 1 settled · 1 pending\n$/,
      );
      expect((await cli(["outbox", "cancel", "again", "--by-key"])).status).toBe(0);
      // a lane that only the workers know
      await cli(["outbox", "replay", sale.id, "--key", "vip-again", "--lane", "vip"]);
      expect((await cli(["outbox", "cancel", "vip-again", "--by-key"])).out).toMatch(
        /cancelled in vip · 1 of 1 settled/,
      );
      expect(await cli(["outbox", "status", "nothing"])).toMatchObject({
        status: 2,
        err: "The outbox has no such message or campaign\n",
      });
    } finally {
      await outbox.close();
      await end();
    }
  });
});
