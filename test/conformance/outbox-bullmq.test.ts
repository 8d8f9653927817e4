import { setTimeout as sleep } from "node:timers/promises";
import type { ChunkUpdate, ClaimedChunk, NewSubmission, OutboxEngine } from "@cloud-messaging/core/transport";
import { createBullmqEngine, createOutbox } from "@cloud-messaging/outbox-bullmq";
import { Queue } from "bullmq";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { soakOutbox } from "../../scripts/soak-outbox.mjs";
import { startCountingService } from "../support/counting-service.ts";
import { type RedisServer, runsRedis, startRedis } from "../support/redis.ts";
import { expectNothingLost } from "./outbox-disturbed.ts";

/** More of them: `KILLS=50`. */
const KILLS = Number(process.env["KILLS"] ?? 2);
const MINUTE_MS = 60_000;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const chunks = (count: number, size = 1) =>
  Array.from({ length: count }, (_, n) => ({ recipients: bytes(`r${n}`), size, pending: size }));
const single = (id: string, more: Partial<NewSubmission> = {}): NewSubmission => ({
  id,
  lane: "normal",
  body: bytes("body"),
  chunks: chunks(1),
  sealed: true,
  ...more,
});
const request = { lanes: ["normal"], limit: 10, leaseMs: 30_000 };
const nothing = { waiting: 0, active: 0, delayed: 0, completed: 0, failed: 0 };
/** Update that ends a lease. */
const ending = ({ submission, chunk, lease }: ClaimedChunk, more: Partial<ChunkUpdate> = {}): ChunkUpdate => {
  return { submission: submission.id, chunk, lease, revision: 1, state: bytes(""), pending: 0, ...more };
};

describe.runIf(runsRedis)("an outbox on BullMQ", () => {
  let server: RedisServer;
  let prefix: string;
  let count = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    prefix = `outbox-${count++}`;
  });

  function connect(url = server.url): Redis {
    const client = new Redis(url, { retryStrategy: () => 20 });
    client.on("error", () => undefined);
    onTestFinished(() => client.disconnect());
    return client;
  }

  /** An engine as another process has it, on a client of its own. */
  function openEngine(url?: string): OutboxEngine {
    const engine = createBullmqEngine({ client: connect(url), prefix });
    onTestFinished(() => engine.close());
    return engine;
  }

  /** The queue of a lane, as a dashboard opens it. */
  function openQueue(lane = "normal"): Queue {
    const queue = new Queue(lane, { connection: connect(), prefix: `{${prefix}}` });
    onTestFinished(() => queue.close());
    return queue;
  }

  it("shows each chunk as a job of its lane's queue: waiting, active, delayed, completed", async () => {
    const engine = openEngine();
    const queue = openQueue();
    const states = () => queue.getJobCounts("waiting", "active", "delayed", "completed", "failed");
    await engine.submit([single("a", { chunks: chunks(2, 3) }), single("b", { sendAt: Date.now() + MINUTE_MS })]);
    expect(await states()).toEqual({ ...nothing, waiting: 2, delayed: 1 });
    expect((await queue.getJob("a.1"))?.data).toEqual({ submission: "a", chunk: 1, recipients: 3 });
    const [first, second] = (await engine.claim(request)).chunks as [ClaimedChunk, ClaimedChunk];
    expect(await states()).toEqual({ ...nothing, active: 2, delayed: 1 });
    await engine.write([ending(first), ending(second, { pending: 3, releaseAfterMs: MINUTE_MS })]);
    expect(await states()).toEqual({ ...nothing, delayed: 2, completed: 1 });
    expect((await queue.getDelayed()).map(({ id }) => id).sort()).toEqual(["a.1", "b.0"]);
  });

  it("hands out nothing of a lane whose queue was paused in a dashboard, and obeys the rate limit that was set there", async () => {
    const engine = openEngine();
    const queue = openQueue();
    await engine.submit([single("a", { chunks: chunks(5) })]);
    await queue.pause();
    expect((await engine.claim(request)).chunks).toEqual([]);
    await queue.resume();
    await queue.setGlobalRateLimit(2, MINUTE_MS);
    const limited = await engine.claim(request);
    expect(limited.chunks).toHaveLength(2);
    expect(limited.nextInMs).toBeGreaterThan(MINUTE_MS / 2);
  });

  it("hands out a chunk again after each of five crashes: BullMQ would fail the job at the second", async () => {
    const engine = openEngine();
    await engine.submit([single("a")]);
    for (let crash = 1; crash <= 5; crash++) {
      const claim = () => engine.claim({ ...request, leaseMs: 20 });
      await expect.poll(async () => (await claim()).chunks.length, { timeout: 10_000, interval: 10 }).toBe(1);
    }
    expect(await openQueue().getJobCounts("failed")).toEqual({ failed: 0 });
  });

  it("steals no live lease, and sends nothing early, when the clocks of two workers differ by a minute", async () => {
    const [engine, other] = [openEngine(), openEngine()];
    await engine.submit([single("held"), single("later"), single("at", { sendAt: Date.now() + MINUTE_MS / 2 })]);
    const { chunks: leased, now } = await engine.claim(request);
    const [held, later] = leased as [ClaimedChunk, ClaimedChunk];
    expect(leased).toHaveLength(2);
    await engine.write([ending(later, { pending: 1, releaseAfterMs: MINUTE_MS / 2 })]);
    vi.useFakeTimers({ now: Date.now() + MINUTE_MS, toFake: ["Date"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const asked = await other.claim(request);
    expect(asked.chunks).toEqual([]);
    // both have the server's time
    expect(Math.abs(asked.now - now)).toBeLessThan(MINUTE_MS / 2);
    expect(asked.nextInMs).toBeGreaterThan(0);
    expect(asked.nextInMs).toBeLessThanOrEqual(MINUTE_MS / 2);
    expect(await engine.renew([{ submission: "held", chunk: 0, lease: held.lease }], 30_000)).toEqual(["running"]);
    expect((await other.claim(request)).chunks).toEqual([]);
    // what it gives back for later is late by the server's clock as well
    await other.submit([single("own")]);
    const [own] = (await other.claim(request)).chunks as [ClaimedChunk];
    await other.write([ending(own, { pending: 1, releaseAfterMs: 100 })]);
    vi.useRealTimers();
    const claim = async () => (await engine.claim(request)).chunks.map(({ submission }) => submission.id);
    await expect.poll(claim, { timeout: 10_000, interval: 10 }).toEqual(["own"]);
  });

  it("makes a job again that somebody removed, when its campaign is paused and resumed", async () => {
    const engine = openEngine();
    await engine.submit([single("a", { chunks: chunks(3) })]);
    await openQueue().obliterate({ force: true });
    expect((await engine.claim(request)).chunks).toEqual([]);
    await engine.control("a", { state: "paused" });
    await engine.control("a", { state: "running" });
    expect((await engine.claim(request)).chunks.map(({ chunk }) => chunk)).toEqual([0, 1, 2]);
  });

  it("makes the jobs that the process which stored the chunks could not", async () => {
    const engine = openEngine();
    const queue = openQueue();
    // the process ends, or is cut off, after the first of its commands
    const client = connect();
    const cut = createBullmqEngine({ client, prefix, timeoutMs: 200 });
    const { callBuffer } = client;
    client.callBuffer = (async (...args: Parameters<typeof callBuffer>) => {
      const reply = await callBuffer.apply(client, args);
      client.disconnect();
      return reply;
    }) as typeof callBuffer;
    await cut.submit([single("a", { chunks: chunks(150) })]);
    expect(await queue.getJobCounts("waiting")).toEqual({ waiting: 0 });
    await cut.close();
    expect((await engine.claim(request)).chunks).toHaveLength(10);
    expect(await queue.getJobCounts("waiting")).toEqual({ waiting: 140 });
  });

  it("keeps keys with any characters, and bytes of any value", async () => {
    const engine = openEngine();
    const key = `\0 \ud800 "\\ ü ${"\u0001".repeat(480)}`;
    const body = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    await engine.submit([single("a", { key, body })]);
    expect(await engine.find({ key })).toMatchObject({ id: "a", key });
    expect(Buffer.from((await engine.find({ id: "a" }))?.body ?? "")).toEqual(body);
  });

  it("keeps its counts exact while six workers claim, write, renew, append, pause and set paces on two campaigns at once", async () => {
    const engines = [openEngine(), openEngine(), openEngine()];
    const [first] = engines as [OutboxEngine];
    const campaigns = ["one", "two"];
    await first.submit(campaigns.map((id) => single(id, { chunks: chunks(10, 3), sealed: false })));
    const result = { body: bytes("r"), counts: { accepted: 1 }, failed: 0 };
    const turn = async (engine: OutboxEngine, id: string, n: number): Promise<void> => {
      if (n % 5 === 0) await engine.control(id, { state: "paused" });
      if (n % 5 === 1) await engine.control(id, { state: "running", pace: { perMinute: 10_000_000, rampMs: 0 } });
      if (n % 5 === 2) await engine.control(id, { state: "running", pace: null });
      const stored = await engine.find({ id });
      if (n % 4 === 0 && stored?.sealed === false) {
        await engine.append({ submission: id, after: stored.chunks, chunks: chunks(2, 3), seal: n > 10 });
      }
      const leased = (await engine.claim({ ...request, limit: 4 })).chunks;
      const refs = leased.map(({ submission, chunk, lease }) => ({ submission: submission.id, chunk, lease }));
      const updates = leased.map((one) => ending(one, { pending: one.pending - 1, result, releaseAfterMs: 0 }));
      await Promise.all([engine.renew(refs, 30_000), engine.write(updates)]);
    };
    const worker = async (engine: OutboxEngine, id: string): Promise<void> => {
      for (let n = 0; n < 15; n++) await turn(engine, id, n);
    };
    await Promise.all(engines.flatMap((engine) => campaigns.map((id) => worker(engine, id))));
    const stored = await Promise.all(campaigns.map((id) => first.find({ id })));
    let pending = 0;
    for (const campaign of stored) {
      expect(campaign?.recipients).toBe((campaign?.chunks ?? 0) * 3);
      expect(campaign?.recipients).toBe((campaign?.pending ?? 0) + (campaign?.counts["accepted"] ?? 0));
      expect(campaign?.counts["accepted"]).toBeGreaterThan(0);
      pending += campaign?.pending ?? 0;
      const results = await first.results({ submission: campaign?.id as string, limit: 1_000 });
      expect(results).toHaveLength(campaign?.counts["accepted"] as number);
    }
    expect((await first.backlog()).recipients).toBe(pending);
    // no chunk has lost its job among them: all that is left can still be handed out
    for (const id of campaigns) await first.control(id, { state: "running", pace: null });
    let left = pending;
    const settle = async (): Promise<number> => {
      const leased = (await first.claim({ ...request, limit: 50 })).chunks;
      left -= leased.reduce((sum, one) => sum + one.pending, 0);
      await first.write(leased.map((one) => ending(one, { result: { ...result, counts: { accepted: one.pending } } })));
      return left;
    };
    await expect.poll(settle, { timeout: 40_000, interval: 10 }).toBe(0);
    expect((await first.backlog()).recipients).toBe(0);
  });

  it("wakes the workers of other processes when a chunk is stored", async () => {
    const [one, other] = [openEngine(), openEngine()];
    let woken = 0;
    const end = other.onWork?.(() => woken++);
    await expect.poll(async () => (await connect().pubsub("NUMSUB", `{${prefix}}.work`))[1]).toBe(1);
    const before = woken;
    await one.submit([single("a")]);
    await expect.poll(() => woken).toBeGreaterThan(before);
    end?.();
  });

  it("refuses a server that may evict keys, and options that are none", async () => {
    await using evicting = await startRedis({ "maxmemory-policy": "allkeys-lru" });
    const engine = openEngine(evicting.url);
    await expect(engine.submit([single("a")])).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringMatching(/client.*maxmemory-policy is allkeys-lru; set it to noeviction/),
    });
    await connect(evicting.url).config("SET", "maxmemory-policy", "noeviction");
    expect(await engine.submit([single("a")])).toEqual([{ id: "a", created: true }]);
    expect(() => createBullmqEngine({ client: {} as never, prefix: "{" })).toThrow(/client.*prefix/s);
    const prefixed = new Redis(evicting.url, { keyPrefix: "app:", lazyConnect: true });
    expect(() => createBullmqEngine({ client: prefixed })).toThrow(/keyPrefix/);
    await engine.close();
    await expect(engine.backlog()).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("works in a cluster", async () => {
    await using node = await startRedis({ "cluster-enabled": "yes", "cluster-announce-ip": "127.0.0.1" });
    await connect(node.url).call("CLUSTER", "ADDSLOTSRANGE", 0, 16_383);
    const client = new Cluster([{ host: "127.0.0.1", port: node.port }], { clusterRetryStrategy: () => 20 });
    client.on("error", () => undefined);
    onTestFinished(() => client.disconnect());
    const engine = createBullmqEngine({ client, prefix });
    onTestFinished(() => engine.close());
    const submit = () => engine.submit([single("a", { chunks: chunks(3), pace: { perMinute: 1_000_000, rampMs: 0 } })]);
    // the node needs a moment until it takes the slots for served
    await expect.poll(() => submit().catch(() => undefined), { timeout: 10_000 }).toEqual([{ id: "a", created: true }]);
    const leased = (await engine.claim(request)).chunks;
    expect(leased).toHaveLength(3);
    const [first] = leased as [ClaimedChunk];
    expect(await engine.renew([{ submission: "a", chunk: 0, lease: first.lease }], 30_000)).toEqual(["running"]);
    expect(await engine.write(leased.map((one) => ending(one)))).toEqual(["running", "running", "running"]);
    expect((await engine.find({ id: "a" }))?.finishedAt).toBeDefined();
  });

  it("gives a clear error when the server's memory is full, and loses nothing", async () => {
    await using full = await startRedis({ maxmemory: "6mb" });
    const engine = openEngine(full.url);
    const body = Buffer.alloc(500_000);
    const stored: string[] = [];
    const fill = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) {
        await engine.submit([single(`m-${n}`, { body })]);
        stored.push(`m-${n}`);
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: "ERR_OUTBOX_STORAGE", message: /no memory or disk left/ });
    expect(stored.length).toBeGreaterThan(0);
    expect((await engine.backlog()).recipients).toBe(stored.length);
    await connect(full.url).config("SET", "maxmemory", "0");
    expect((await engine.claim({ ...request, limit: 20 })).chunks.map(({ submission }) => submission.id)).toEqual(
      stored,
    );
  });

  it("gives a clear error while the server is away, and goes on by itself when it is back", async () => {
    const engine = createBullmqEngine({ client: connect(), prefix, timeoutMs: 300 });
    onTestFinished(() => engine.close());
    await engine.submit([single("a")]);
    await server.stop();
    await expect(engine.backlog()).rejects.toMatchObject({
      code: "ERR_OUTBOX_STORAGE",
      message: expect.stringMatching(/Redis (cannot be reached|did not answer)/),
    });
    await server.start();
    // a claim whose answer came too late has the chunk until its lease ends
    const claim = async () => (await engine.claim({ ...request, leaseMs: 100 }).catch(() => undefined))?.chunks.length;
    await expect.poll(claim, { timeout: 60_000 }).toBe(1);
  });

  it("sends what was enqueued, once", async () => {
    const { copies, transport } = await startCountingService();
    await using outbox = createOutbox({ engine: openEngine(), transport: transport() });
    await outbox.enqueue({ target: { token: "one" } }, { key: "order-1" });
    await outbox.enqueue({ target: { token: "one" } }, { key: "order-1" });
    const { id } = await outbox.enqueueAll({ data: { release: "4.2" } }, ["a", "b", "c"]);
    await outbox.work({ untilIdle: true, pollMs: 10 });
    expect([...copies].sort()).toEqual(["a", "b", "c", "one"].map((token) => [token, 1]));
    expect(await outbox.progress(id)).toMatchObject({ state: "finished", kinds: { accepted: 3 } });
  });

  it("loses no recipient when its connections are cut again and again", async () => {
    const admin = connect();
    const disturb = async (): Promise<void> => {
      await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    };
    await expectNothingLost({ engines: [openEngine(), openEngine()], recipients: 1_500, times: 5, disturb });
  });

  it(
    `loses no recipient when Redis is killed in mid-campaign, ${KILLS} times`,
    async () => {
      const disturb = async (): Promise<void> => {
        await server.kill();
        await sleep(50);
        await server.start();
      };
      await expectNothingLost({ engines: [openEngine(), openEngine()], recipients: 3_000, times: KILLS, disturb });
    },
    60_000 + KILLS * 30_000,
  );

  it("loses no recipient when workers are killed, and tells of each copy", async () => {
    await using own = await startRedis();
    const report = await soakOutbox({ engine: "bullmq", location: own.url, kills: KILLS, recipients: 6_000 });
    expect(report).toMatchObject({ problems: [], lost: 0 });
    expect(report.delivered + report.missing).toBe(6_000);
    expect(report.copies).toBeLessThanOrEqual(report.told);
  }, 300_000);
});
