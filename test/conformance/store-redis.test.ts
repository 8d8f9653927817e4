import { createManualClock, type RegistrationStore, type RegistrationToken } from "@cloud-messaging/core";
import { registrationStoreCases } from "@cloud-messaging/core/testing";
import { createRedisRegistrationStore } from "@cloud-messaging/store-redis";
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../support/programs.ts";
import { type RedisServer, runsRedis, startRedis } from "../support/redis.ts";
import { clocksApart } from "./registration-store-clocks.ts";
import { roundTripsOfSends } from "./registration-store-round-trips.ts";

const token = (text: string) => text as RegistrationToken;
const A = token("tok-A");
const B = token("tok-B");

const connectNodeRedis = (url: string) => createClient({ url }).connect();

/** Scripts that the server was asked to run by their hash. */
async function scriptCalls(client: Redis): Promise<number> {
  const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await client.info("commandstats")) ?? [];
  return Number(calls ?? 0);
}

describe.runIf(runsRedis)("a registration store in Redis", () => {
  let server: RedisServer;
  let ioredis: Redis;
  let nodeRedis: Awaited<ReturnType<typeof connectNodeRedis>>;
  let prefixes = 0;

  beforeAll(async () => {
    server = await startRedis();
    ioredis = new Redis(server.url);
    nodeRedis = await connectNodeRedis(server.url);
  });
  afterAll(async () => {
    ioredis?.disconnect();
    nodeRedis?.destroy();
    await server?.[Symbol.asyncDispose]();
  });

  function setup(options: { readonly maxChanges?: number } = {}) {
    const clock = createManualClock(1_000_000);
    const prefix = `store-${++prefixes}`;
    const store = createRedisRegistrationStore({ client: ioredis, prefix, clock, ...options });
    const tokensOf = async (userId: string) =>
      (await store.registrationsOf(userId)).map((each) => each.token as string);
    return { clock, prefix, store, tokensOf };
  }

  describe("on clients of ioredis and of redis at once", () => {
    const cases = registrationStoreCases({
      runs: 40,
      create: (clock) => {
        const prefix = `contract-${++prefixes}`;
        const stores: RegistrationStore[] = [ioredis, nodeRedis].map((client) =>
          createRedisRegistrationStore({ client, prefix, clock }),
        );
        return { stores };
      },
    });
    for (const { name, run } of cases) it(name, run);
  });

  clocksApart((clock) => createRedisRegistrationStore({ client: ioredis, prefix: "clocks", clock }));

  it("keeps the stores of two prefixes apart", async () => {
    const [one, other] = [setup(), setup()];
    await one.store.register("ada", A);
    expect([await one.tokensOf("ada"), await other.tokensOf("ada")]).toEqual([[A], []]);
  });

  it("works in a cluster, a store in one slot, on the cluster clients of both libraries", async () => {
    await using own = await startRedis({
      "cluster-enabled": "yes",
      "cluster-announce-ip": "127.0.0.1",
      "cluster-port": String(await freePort()),
    });
    const node = new Redis(own.url);
    await node.cluster("ADDSLOTSRANGE", 0, 16_383);
    await expect.poll(() => node.cluster("INFO"), { timeout: 20_000 }).toMatch(/cluster_state:ok/);
    const one = new Cluster([{ host: "127.0.0.1", port: own.port }]);
    const other = await createCluster({ rootNodes: [{ url: own.url }] }).connect();
    try {
      const stores = [one, other].map((client) => createRedisRegistrationStore({ client, prefix: "push" }));
      await stores[0]?.register("ada", A);
      await stores[1]?.register("grace", A);
      expect(await stores[0]?.registrationsOf("ada")).toEqual([]);
      expect((await stores[0]?.changes({ from: "oldest", limit: 9 }))?.changes).toMatchObject([{ type: "moved" }]);
      const slots = await Promise.all((await node.keys("*")).map((key) => node.cluster("KEYSLOT", key)));
      expect(slots.length).toBeGreaterThan(3);
      expect(new Set(slots).size).toBe(1);
    } finally {
      node.disconnect();
      one.disconnect();
      other.destroy();
    }
  });

  it("touches no other key, also where the client puts a prefix before each", async () => {
    await using own = await startRedis();
    const client = new Redis(own.url, { keyPrefix: "app:" });
    try {
      const store = createRedisRegistrationStore({ client, prefix: "push" });
      await store.register("ada", A);
      await store.register("grace", A);
      await store.resolve([A, B]);
      const plain = client.duplicate({ keyPrefix: "" });
      const keys = await plain.keys("*");
      plain.disconnect();
      expect(keys.length).toBeGreaterThan(3);
      expect(keys.filter((key) => !key.startsWith("app:{push}:"))).toEqual([]);
    } finally {
      client.disconnect();
    }
  });

  it("refuses options by name", () => {
    expect(() => createRedisRegistrationStore({ client: {} as Redis })).toThrow(
      /client: must be a client of ioredis or/,
    );
    expect(() => createRedisRegistrationStore({ client: ioredis, prefix: "a{b" })).toThrow(/prefix: .*brace/);
    expect(() => createRedisRegistrationStore({ client: ioredis, maxChanges: 0 })).toThrow(/maxChanges/);
    expect(() => createRedisRegistrationStore({ client: ioredis, ttl: 1 } as never)).toThrow(/ttl/);
  });

  it.each([
    ["ioredis", () => ioredis],
    ["redis", () => nodeRedis],
  ])(
    "asks once for a thousand tokens, and only sends a script that the server does not know: %s",
    async (_, client) => {
      const store = createRedisRegistrationStore({ client: client(), prefix: `store-${++prefixes}` });
      const tokens = Array.from({ length: 1_000 }, (__, n) => token(`tok-${n}`));
      await store.register("ada", tokens[7] as RegistrationToken);
      await ioredis.script("FLUSH");
      const calls = async () =>
        Number(/cmdstat_evalsha:calls=(\d+)/.exec(await ioredis.info("commandstats"))?.[1] ?? 0);
      const before = await calls();
      const { states } = await store.resolve(tokens);
      expect(states.filter(({ revision }) => revision !== null)).toHaveLength(1);
      await store.resolve(tokens);
      expect((await scriptCalls(ioredis)) - before).toBe(2);
      expect(await ioredis.info("commandstats")).toMatch(/cmdstat_eval:/);
    },
  );

  it("adds one round trip to a send to a token or to a user, and once a day another; over CCS one to a batch", async () => {
    const registrations = createRedisRegistrationStore({ client: ioredis, prefix: `store-${++prefixes}` });
    await registrations.resolve([A]); // a script that the server does not know is sent twice
    await registrations.apply([{ type: "accepted", token: A, revision: null }]);
    await registrations.registrationsOf("nobody");
    await roundTripsOfSends(registrations, () => scriptCalls(ioredis));
  });

  it("resolves more tokens than one command of the server takes", async () => {
    const { store } = setup();
    const tokens = Array.from({ length: 12_345 }, (_, n) => token(`tok-${n}`));
    await store.register("ada", tokens[12_344] as RegistrationToken);
    const { states } = await store.resolve(tokens);
    expect(states.map(({ revision }) => revision !== null).indexOf(true)).toBe(12_344);
  });

  it("keeps so many changes, and says so to a reader who is behind", async () => {
    const { store } = setup({ maxChanges: 10 });
    const { cursor } = await store.changes({ from: "newest", limit: 1 });
    for (let n = 0; n < 300; n++) {
      await store.register("ada", A);
      await store.unregister("ada", A);
    }
    await expect(store.changes({ from: cursor, limit: 10 })).rejects.toMatchObject({ code: "ERR_CHANGES_LOST" });
    const { changes } = await store.changes({ from: "oldest", limit: 10_000 });
    expect(changes.length).toBeGreaterThanOrEqual(10);
    expect(changes.length).toBeLessThan(300);
    await expect(store.changes({ from: "301", limit: 10 })).rejects.toThrow(/from: is no cursor/);
    await expect(store.changes({ from: "x", limit: 10 })).rejects.toThrow(/from: is no cursor/);
  });

  it("tells of a server that has become a replica as of one that is lost", async () => {
    await using own = await startRedis();
    const client = new Redis(own.url);
    try {
      const store = createRedisRegistrationStore({ client });
      await store.register("ada", A);
      await client.replicaof("127.0.0.1", 1);
      await expect(store.register("ada", B)).rejects.toMatchObject({ code: "ERR_CONNECTION" });
      await client.replicaof("NO", "ONE");
      await store.register("ada", B);
    } finally {
      client.disconnect();
    }
  });

  it("ends no client that it was given, and refuses calls after close()", async () => {
    const { store } = setup();
    await store.close();
    await store.close();
    await expect(store.register("ada", A)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(await ioredis.ping()).toBe("PONG");
  });

  it.each([
    [
      "ioredis",
      async (url: string) => {
        const client = new Redis(url, { retryStrategy: () => 50 });
        client.on("error", () => undefined);
        return { client, end: () => client.disconnect() };
      },
    ],
    [
      "redis",
      async (url: string) => {
        const client = createClient({ url, socket: { reconnectStrategy: 50 } });
        client.on("error", () => undefined);
        await client.connect();
        return { client, end: () => client.destroy() };
      },
    ],
  ] as const)("goes on by itself after the server was killed, with a clear error meanwhile: %s", async (_, connect) => {
    await using own = await startRedis();
    const { client, end } = await connect(own.url);
    try {
      const store = createRedisRegistrationStore({ client, timeoutMs: 300 });
      await store.register("ada", A);
      await own.kill();
      await expect(store.resolve([A])).rejects.toMatchObject({ code: "ERR_CONNECTION" });
      await expect(store.register("ada", B)).rejects.toMatchObject({ code: "ERR_CONNECTION" });
      await own.start();
      await expect.poll(() => store.register("ada", B).then(() => "stored"), { timeout: 20_000 }).toBe("stored");
      expect((await store.registrationsOf("ada")).map((each) => each.token)).toEqual([A, B]);
    } finally {
      end();
    }
  });
});
