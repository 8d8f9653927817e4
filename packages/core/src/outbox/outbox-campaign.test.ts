import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { recipientsOf } from "../message/target.ts";
import { scriptedTransport } from "../scripted-transport.test-support.ts";
import { createOutbox } from "./create-outbox.ts";
import { all, pass, setUp } from "./outbox.test-support.ts";

describe("a campaign", () => {
  it("is completed by a second call with its key after the first was interrupted, in any order of the audience", async () => {
    const { clock, open } = setUp();
    const { outbox, transport } = open();
    const tokens = Array.from({ length: 40_000 }, (_, n) => `token-${n}`);
    function* interrupted() {
      yield* tokens.slice(0, 33_500);
      throw new Error("the database went away");
    }
    await expect(outbox.enqueueAll({}, interrupted(), { key: "k" })).rejects.toThrow("the database went away");
    expect(await outbox.progress({ key: "k" })).toMatchObject({ complete: false, recipients: 33_500 });
    await outbox.enqueueAll({}, [...tokens].reverse(), { key: "k" });
    expect(await outbox.progress({ key: "k" })).toMatchObject({ complete: true, recipients: 40_000 });
    const done = outbox.work({ untilIdle: true, batchSize: 1000 });
    await pass(clock, 2_000);
    await done;
    const sent = transport.attempts.flatMap(({ recipients }) => recipients);
    expect(sent).toHaveLength(40_000);
    expect(new Set(sent).size).toBe(40_000);
  });

  it.each([
    ["failed by itself", [], "next() failed"],
    ["gave what could not be read", ["left"], "no such row"],
  ])("names the first error where the source %s, and tells it to end as a loop does", async (_, ends, problem) => {
    const { open } = setUp();
    const { outbox } = open();
    const told: string[] = [];
    const source = {
      [Symbol.iterator]: () => ({
        next: () => {
          if (problem === "next() failed") throw new Error(problem);
          return { done: false as const, value: "a" };
        },
        return: (): never => {
          told.push("left");
          throw new Error("return() failed");
        },
      }),
    };
    const personalize = (): never => {
      throw new Error("no such row");
    };
    await expect(outbox.enqueueAll({}, source, { personalize })).rejects.toThrow(problem);
    expect(told).toEqual(ends);
  });

  it("is stored once when two processes enqueue it at the same time", async () => {
    const { open } = setUp();
    const one = open().outbox;
    const other = open().outbox;
    async function* audience() {
      for (let n = 0; n < 50_000; n++) {
        if (n % 1_000 === 0) await turn();
        yield `token-${n}`;
      }
    }
    const [first, second] = await Promise.all(
      [one, other].map((outbox) => outbox.enqueueAll({}, audience(), { key: "k" })),
    );
    expect(first?.id).toBe(second?.id);
    expect(await one.progress({ key: "k" })).toMatchObject({ complete: true, recipients: 50_000 });
  });

  it("ends by its signal while the audience gives nothing, with what it gave stored", async () => {
    const { outbox } = setUp().open();
    const ending = new AbortController();
    async function* stuck() {
      yield "a";
      ending.abort(new Error("shutting down"));
      await new Promise(() => {});
    }
    const stored = outbox.enqueueAll({}, stuck(), { key: "k", signal: ending.signal });
    await expect(stored).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(await outbox.progress({ key: "k" })).toMatchObject({ recipients: 1, complete: false });
  });

  it("is paused and resumed", async () => {
    const { clock, open } = setUp();
    const { outbox, transport } = open();
    const { id } = await outbox.enqueueAll({}, ["a", "b"]);
    expect(await outbox.pause(id)).toMatchObject({ state: "paused" });
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 5_000);
    expect(transport.attempts).toEqual([]);
    await outbox.resume(id);
    await pass(clock, 2_000);
    await done;
    expect(transport.attempts).toHaveLength(2);
  });

  it("keeps its rate over two workers", async () => {
    const { clock, open } = setUp();
    const { outbox, transport } = open();
    const other = open();
    const tokens = Array.from({ length: 5_000 }, (_, n) => `t${n}`);
    const { id } = await outbox.enqueueAll({}, tokens, { rate: { perMinute: 1_200, rampMs: 0 } });
    const done = [outbox, other.outbox].map((one) => one.work({ untilIdle: true, batchSize: 10 }));
    const count = (): number =>
      [transport, other.transport]
        .flatMap(({ attempts }) => attempts)
        .reduce((sum, { recipients }) => sum + recipients.length, 0);
    await pass(clock, 60_000);
    expect(count()).toBeGreaterThan(1_000);
    expect(count()).toBeLessThan(1_350);
    await outbox.setRate(id, null);
    await pass(clock, 120_000);
    await Promise.all(done);
    expect(count()).toBe(5_000);
  });

  it("sends each recipient its own changes, and rejects those that break a rule", async () => {
    const { clock, open } = setUp();
    const { outbox } = open();
    const sent: unknown[] = [];
    const { outbox: worker } = open({
      async send(message) {
        sent.push(message);
        const [recipient] = recipientsOf(message.target);
        return { outcomes: [{ kind: "accepted", recipient: recipient as string, attempts: 1 }] };
      },
    });
    const audience = [
      { token: "a", unread: 3 },
      { token: "b", unread: 0 },
      { token: "c", unread: -1 },
    ];
    const { id } = await outbox.enqueueAll({ data: { from_: "shop" } }, audience, {
      personalize: ({ unread }) =>
        unread === 0 ? undefined : { data: unread < 0 ? { google_x: "1" } : { unread: String(unread) } },
    });
    expect(await outbox.progress(id)).toMatchObject({ recipients: 3, pending: 2, codes: { "invalid-argument": 1 } });
    const done = worker.work({ untilIdle: true, batchSize: 10 });
    await pass(clock, 1_000);
    await done;
    expect(sent).toEqual([
      { data: { from_: "shop", unread: "3" }, target: { tokens: ["a"] } },
      { data: { from_: "shop" }, target: { tokens: ["b"] } },
    ]);
  });

  it("refuses changes that are no plain object, and takes null of a column for none", async () => {
    const { outbox } = setUp().open();
    const audience = [
      { token: "a", changes: null },
      { token: "b", changes: Promise.resolve({}) },
    ] as never[];
    const { id } = await outbox.enqueueAll({}, audience);
    expect(await outbox.progress(id)).toMatchObject({ pending: 1, codes: { "invalid-argument": 1 } });
    const [refused] = await all(outbox, { id });
    expect(refused?.outcome).toMatchObject({
      recipient: "b",
      detail: "The changes of the content must be a plain object, not a Promise",
    });
  });

  it("replays its dead letters as a new campaign", async () => {
    const { clock, open } = setUp({ b: ["unavailable", "unavailable", "ok"], c: ["not-registered"] });
    const { outbox, transport } = open({}, { retry: { maxAttempts: 2 } });
    const { id } = await outbox.enqueueAll({ data: { x: "1" } }, ["a", "b", "c"]);
    const first = outbox.work({ untilIdle: true, batchSize: 10 });
    await pass(clock, 20_000);
    await first;
    const dead = await all(outbox, { id, dead: true });
    expect(dead.map(({ outcome, dead: cause }) => [outcome.recipient, outcome.kind, cause])).toEqual([
      ["b", "retryable", "attempts"],
    ]);
    expect((await all(outbox, { id, failed: true })).map(({ outcome }) => outcome.recipient)).toEqual(["c", "b"]);
    const again = await outbox.replay(id, { key: "again" });
    expect(await outbox.replay(id, { key: "again" })).toEqual({ id: again.id, created: false });
    const second = outbox.work({ untilIdle: true });
    await pass(clock, 5_000);
    await second;
    expect(await outbox.progress(again.id)).toMatchObject({ recipients: 1, kinds: { accepted: 1 } });
    expect(transport.attempts.at(-1)?.recipients).toEqual(["b"]);
  });

  it("is replayed in its own lane by a process that does not know it", async () => {
    const { clock, open } = setUp({ a: ["unavailable", "ok"] });
    const { outbox } = open({}, { retry: { maxAttempts: 1 }, lanes: { vip: 1 } });
    const { id } = await outbox.enqueueAll({}, ["a"], { lane: "vip" });
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 5_000);
    await done;
    const other = open().outbox;
    const again = await other.replay(id);
    expect(await other.progress(again.id)).toMatchObject({ lane: "vip", pending: 1 });
    await expect(other.replay(id, { lane: "vip" })).rejects.toThrow(/lane: is not a lane of this outbox/);
    await expect(other.enqueue({ target: { token: "b" } }, { lane: "vip" })).rejects.toThrow(/lane: is not a lane/);
  });

  it("ends a loop that waits for further results when it is closed", async () => {
    const { clock, open } = setUp();
    const { outbox } = open();
    const next = outbox.results({ follow: true })[Symbol.asyncIterator]().next();
    const ended = expect(next).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await turn();
    await outbox.close();
    await pass(clock, 500);
    await ended;
    expect(clock.scheduled).toBe(0);
  });

  it("gives results that can be read on from any cursor, each once", async () => {
    const { clock, open } = setUp({ t3: ["not-registered"] });
    const { outbox } = open();
    await outbox.enqueueAll(
      {},
      Array.from({ length: 25 }, (_, n) => `t${n}`),
    );
    const done = outbox.work({ untilIdle: true, batchSize: 10 });
    await pass(clock, 2_000);
    await done;
    const whole = (await all(outbox)).map(({ outcome }) => outcome.recipient);
    expect(new Set(whole).size).toBe(25);
    const one: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const [next] = await (async () => {
        for await (const result of outbox.results(cursor === undefined ? {} : { after: cursor })) return [result];
        return [];
      })();
      if (next === undefined) break;
      one.push(next.outcome.recipient);
      cursor = next.cursor;
    }
    expect(one).toEqual(whole);
  });
});

describe("an outbox with encryption", () => {
  const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

  it("stores no payload, token or result in the clear, and reads old records after the key was rotated", async () => {
    const { clock, engine, open } = setUp();
    const before = open({}, { encryption: { keys: { k1: key(1) }, current: "k1" } }).outbox;
    const { id } = await before.enqueue({ target: { tokens: ["secret-token"] }, data: { secret: "value" } });
    const submission = await engine.find({ id });
    const [chunk] = await engine.chunks(id, 0, 1);
    for (const stored of [submission?.body, chunk?.recipients]) {
      expect(Buffer.from(stored as Uint8Array).toString("latin1")).not.toContain("secret");
    }
    const { outbox, transport } = open({}, { encryption: { keys: { k1: key(1), k2: key(2) }, current: "k2" } });
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 1_000);
    await done;
    expect(transport.attempts.map(({ recipients }) => recipients)).toEqual([["secret-token"]]);
    const [result] = await engine.results({ limit: 1 });
    expect(Buffer.from(result?.body as Uint8Array).toString("latin1")).toContain("k2");
    expect((await all(outbox)).map(({ outcome }) => outcome.kind)).toEqual(["accepted"]);
  });

  it("sends nothing and loses nothing without the key", async () => {
    const { clock, open } = setUp();
    const { outbox: writer } = open({}, { encryption: { keys: { k1: key(1) }, current: "k1" } });
    await writer.enqueue({ target: { token: "a" } });
    const blind = open();
    const stop = new AbortController();
    const working = blind.outbox.work({ signal: stop.signal });
    await pass(clock, 5_000);
    stop.abort();
    await working;
    expect(blind.transport.attempts).toEqual([]);
    const seeing = open({}, { encryption: { keys: { k1: key(1) }, current: "k1" } });
    const done = seeing.outbox.work({ untilIdle: true });
    await pass(clock, 70_000);
    await done;
    expect(seeing.transport.attempts).toHaveLength(1);
  });

  it("names a wrong key length and an unknown current key", () => {
    const { engine } = setUp();
    const make = (encryption: never): unknown => createOutbox({ engine, encryption });
    expect(() => make({ keys: { k: new Uint8Array(16) }, current: "k" } as never)).toThrow(
      /encryption.keys.k: must be a key of 32 bytes/,
    );
    expect(() => make({ keys: { k: key(1) }, current: "other" } as never)).toThrow(
      /encryption.current: must be the ID of one of keys/,
    );
  });
});

describe("createOutbox", () => {
  it("refuses a transport that has retries", () => {
    const { engine } = setUp();
    const transport = { ...scriptedTransport({}), retries: true } as const;
    expect(() => createOutbox({ engine, transport })).toThrow(/transport: already has retries/);
  });

  it("can enqueue and not work without a transport", async () => {
    const { engine } = setUp();
    const outbox = createOutbox({ engine });
    await outbox.enqueue({ target: { token: "a" } });
    await expect(outbox.work()).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
  });
});
