import { describe, expect, it } from "vitest";
import { InvalidMessageError } from "../errors.ts";
import { subscribe } from "../events.ts";
import { refuseV1Only, type SingleMessageInput } from "../message/downstream.ts";
import { failureOutcome } from "../outcome/outcome.ts";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import type { RegistrationVerdict } from "../registrations/registration.ts";
import { withRetry } from "../retry/with-retry.ts";
import { type Answer, scriptedTransport } from "../scripted-transport.test-support.ts";
import { createManualClock } from "../time/clock.ts";
import { createSender } from "./create-sender.ts";
import type { CreateSenderOptions, Sender, SendOptions } from "./sender.ts";

const FID = "cTEST0123456789abcdefg";

function setup(script: Record<string, readonly Answer[]> = {}, options: Partial<CreateSenderOptions> = {}) {
  const clock = createManualClock(1_000);
  const registrations = createMemoryRegistrationStore({ clock });
  const transport = scriptedTransport(script, { clock });
  const sender = createSender({ transport, registrations, clock, random: () => 0, ...options });
  const sentTo = () => transport.attempts.map(({ recipients }) => recipients.join(","));
  return { clock, registrations, transport, sender, sentTo };
}

describe("a sender", () => {
  it("applies the report to the store: rewrites, removals, suspicions, nothing else", async () => {
    const { sender, registrations } = setup({
      old: [{ canonical: "new" }],
      dead: ["not-registered"],
      broken: ["invalid-registration"],
      foreign: ["mismatch-sender-id"],
      big: ["message-too-big"],
    });
    const changes: string[] = [];
    registrations.onChange((change) => changes.push(`${change.cursor} ${change.type} ${change.token}`));
    for (const t of ["old", "dead", "broken", "foreign", "big", "fine"]) registrations.register("u", t);
    await sender.send({ target: { tokens: ["old", "dead", "broken", "foreign", "big", "fine"] } });
    expect(registrations.registrationsOf("u").map((r) => r.token)).toEqual(["new", "foreign", "big", "fine"]);
    expect(changes).toEqual(["1 replaced old", "2 removed dead", "3 removed broken", "4 suspect foreign"]);
  });

  it("puts a known canonical ID in before sending, and still speaks of the ID the caller gave", async () => {
    const { sender, sentTo } = setup({ old: [{ canonical: "new" }] });
    await sender.send({ target: { token: "old" } });
    const [outcome] = (await sender.send({ target: { token: "old" } })).outcomes;
    expect(sentTo()).toEqual(["old", "new"]);
    expect(outcome).toMatchObject({
      kind: "accepted",
      recipient: "old",
      sentTo: "new",
      canonicalRegistrationId: "new",
    });
  });

  it("sends no installation ID of the store's over a service that knows tokens only", async () => {
    const { sender, registrations, transport, sentTo } = setup({ [FID]: ["invalid-registration"] });
    transport.check = (message) => refuseV1Only(message, "GCM HTTP");
    registrations.register("ann", `${FID}:old`);
    registrations.register("ann", FID);
    await expect(sender.sendToUser("ann", {})).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
      problems: [{ path: "target.fid" }],
    });
    const { outcomes } = await sender.send({ target: { tokens: ["x", `${FID}:old`] } });
    expect(outcomes).toMatchObject([{ recipient: "x" }, { recipient: `${FID}:old` }]);
    expect(sentTo()).toEqual([`x,${FID}:old`]);
    expect(registrations.registrationsOf("ann").map(({ token }) => token)).toEqual([FID]);
  });

  it.each<[string, Answer]>([
    ["is gone", "not-registered"],
    ["belongs to another sender", "mismatch-sender-id"],
    ["has a canonical ID", { canonical: "new" }],
  ])("does not take it for news of an installation ID that the token in its place %s", async (_, answer) => {
    const old = `${FID}:old`;
    const { sender, registrations, transport } = setup({ [old]: [answer] });
    transport.check = (message) => refuseV1Only(message, "GCM HTTP");
    const changes: string[] = [];
    registrations.register("ann", old);
    registrations.register("ann", FID);
    registrations.onChange(({ type, token }) => changes.push(`${type} ${token}`));
    for (const tokens of [[old], ["x", old], ["x", "x", old]]) await sender.send({ target: { tokens } });
    expect(registrations.registrationsOf("ann").map(({ token }) => token)).toEqual([FID]);
    expect(changes).toEqual([]);
  });

  it("sends once to a token that is listed several times, superseded or not, and answers at each position", async () => {
    const { sender, sentTo } = setup({ old: [{ canonical: "new" }], bad: ["not-registered"] });
    await sender.send({ target: { token: "old" } });
    const report = await sender.send({ target: { tokens: ["old", "bad", "old", "x", "bad", "x"] } });
    expect(sentTo().at(-1)).toBe("bad,x,new");
    expect(report.outcomes.map((o) => [o.recipient, o.kind])).toEqual([
      ["old", "accepted"],
      ["bad", "unregistered"],
      ["old", "accepted"],
      ["x", "accepted"],
      ["bad", "unregistered"],
      ["x", "accepted"],
    ]);
    await sender.send({ target: { tokens: ["x", "x", "x"] } });
    expect(sentTo().at(-1)).toBe("x");
  });

  it("says with one attempt only, too, when another try makes sense", async () => {
    const clock = createManualClock(0);
    const transport = scriptedTransport(
      { a: [{ code: "unavailable", retryAfterMs: 30_000 }], b: ["unavailable"] },
      { clock },
    );
    const sender = createSender({ transport, retry: false, clock, random: () => 0 });
    const { outcomes } = await sender.send({ target: { tokens: ["a", "b"] } });
    expect(outcomes).toMatchObject([
      { kind: "retryable", attempts: 1, retryAt: 30_000 },
      { kind: "retryable", attempts: 1, retryAt: 1_000 },
    ]);
    expect(transport.attempts).toHaveLength(1);
  });

  it("sends once to a token that a source of sendAll gives again, while it waits and after", async () => {
    const { sender, sentTo } = setup({ bad: ["not-registered"] });
    const outcomes: [number, string, string][] = [];
    for await (const { position, recipient, kind } of sender.sendAll({}, ["a", "bad", "a", "b", "bad", "a"], {
      concurrency: 1,
      batchSize: 2,
    })) {
      outcomes.push([position, recipient, kind]);
    }
    expect(outcomes.sort(([a], [b]) => a - b)).toEqual([
      [0, "a", "accepted"],
      [1, "bad", "unregistered"],
      [2, "a", "accepted"],
      [3, "b", "accepted"],
      [4, "bad", "unregistered"],
      [5, "a", "accepted"],
    ]);
    expect(sentTo()).toEqual(["a,bad", "b"]);
  });

  it("sends once to a device that two of the caller's tokens lead to, and answers for both", async () => {
    const { sender, sentTo } = setup({ old: [{ canonical: "new" }] });
    await sender.send({ target: { token: "old" } });
    const report = await sender.send({ target: { tokens: ["old", "x", "new", "x"] } });
    expect(sentTo().at(-1)).toBe("x,new");
    expect(report.outcomes.map((o) => [o.recipient, o.kind])).toEqual([
      ["old", "accepted"],
      ["x", "accepted"],
      ["new", "accepted"],
      ["x", "accepted"],
    ]);
  });

  it("removes the token it really sent to", async () => {
    const { sender, registrations } = setup({ old: [{ canonical: "new" }], new: ["not-registered"] });
    registrations.register("u", "old");
    await sender.send({ target: { token: "old" } });
    const [outcome] = (await sender.send({ target: { token: "old" } })).outcomes;
    expect(outcome).toMatchObject({ kind: "unregistered", recipient: "old", sentTo: "new" });
    expect(registrations.registrationsOf("u")).toEqual([]);
  });

  it("sends to every registration of a user, and to nobody when there is none", async () => {
    const { sender, registrations, sentTo } = setup();
    registrations.register("u", "a");
    registrations.register("u", "b");
    expect((await sender.sendToUser("u", { data: { n: "1" } })).outcomes.map((o) => o.recipient)).toEqual(["a", "b"]);
    expect(await sender.sendToUser("nobody", {})).toEqual({ outcomes: [] });
    expect(sentTo()).toEqual(["a,b"]);
  });

  it("tries again by itself, and once only with retry: false", async () => {
    const first = setup({ a: ["unavailable", "ok"] });
    const sending = first.sender.send({ target: { token: "a" } });
    await first.clock.advance(10_000);
    expect((await sending).outcomes[0]).toMatchObject({ kind: "accepted", attempts: 2 });

    const second = setup({ a: ["unavailable", "ok"] }, { retry: false });
    expect((await second.sender.send({ target: { token: "a" } })).outcomes[0]).toMatchObject({ kind: "retryable" });
  });

  it("gives one message ID per recipient to a transport that carries them, and the caller's own to one", async () => {
    const clock = createManualClock();
    const transport = scriptedTransport({}, { clock, usesMessageIds: true });
    const sender = createSender({ transport, clock });
    await sender.send({ target: { tokens: ["a", "b"] } });
    await sender.send({ target: { token: "a" }, messageId: "mine" });
    const [first, second] = transport.attempts.map(({ options }) => options.messageIds ?? []);
    expect(new Set(first).size).toBe(2);
    expect(second).toEqual(["mine"]);
    const other = createSender({ transport, clock });
    await other.send({ target: { token: "a" } });
    expect(first).not.toContain(transport.attempts[2]?.options.messageIds?.[0]);
  });

  it("reports what the service said even when the store fails", async () => {
    const registrations = createMemoryRegistrationStore();
    const broken = { ...registrations, apply: () => Promise.reject(new Error("database down")) };
    const { sender } = setup({ a: ["not-registered"] }, { registrations: broken });
    const report = await sender.send({ target: { token: "a" } });
    expect(report.outcomes[0]?.kind).toBe("unregistered");
    expect(report.storeError).toMatchObject({ message: "database down" });
  });

  it("sends what it was given, whatever the caller does with the arrays and objects afterwards", async () => {
    const { sender, clock, sentTo, transport } = setup({ a: ["unavailable", "ok"], b: ["unavailable", "ok"] });
    const tokens = ["a", "b"];
    const data: Record<string, string> = { n: "1" };
    const sending = sender.send({ target: { tokens }, data });
    tokens.splice(0, 2, "x", "y");
    data["n"] = "2";
    await clock.advance(10_000);
    expect((await sending).outcomes.map(({ recipient }) => recipient)).toEqual(["a", "b"]);
    expect(sentTo()).toEqual(["a,b", "a,b"]);
    expect(transport.attempts).toHaveLength(2);
  });

  it("says what the store's failure was when nothing was sent for it", async () => {
    const registrations = createMemoryRegistrationStore();
    const cause = new Error("database down");
    for (const resolve of [
      () => Promise.reject(cause),
      () => {
        throw cause;
      },
    ]) {
      const { sender, sentTo } = setup({}, { registrations: { ...registrations, resolve } });
      await expect(sender.send({ target: { token: "a" } })).rejects.toMatchObject({
        code: "ERR_REGISTRATION_STORE",
        cause,
      });
      expect(sentTo()).toEqual([]);
      expect(sender.pending).toBe(0);
    }
  });

  it.each([
    ["resolve", (sender: Sender, options: SendOptions) => sender.send({ target: { token: "a" } }, options)],
    ["registrationsOf", (sender: Sender, options: SendOptions) => sender.sendToUser("u", {}, options)],
  ] as const)(
    "does not wait for a store that never answers %s: time, signal and close() end it",
    async (method, send) => {
      const registrations = { ...createMemoryRegistrationStore(), [method]: () => new Promise(() => {}) };
      const { sender, sentTo, clock } = setup({}, { registrations });
      const abort = new AbortController();
      const late = expect(send(sender, { timeoutMs: 5_000 })).rejects.toMatchObject({ code: "ERR_REGISTRATION_STORE" });
      const aborted = expect(send(sender, { signal: abort.signal })).rejects.toMatchObject({ code: "ERR_ABORTED" });
      const closed = expect(send(sender, { timeoutMs: Number.POSITIVE_INFINITY })).rejects.toMatchObject({
        code: "ERR_CLOSED",
      });
      await clock.advance(5_000);
      await late;
      abort.abort();
      await aborted;
      await sender.close();
      await closed;
      expect(sentTo()).toEqual([]);
      expect([sender.pending, clock.scheduled]).toEqual([0, 0]);
    },
  );

  it("reports what the service said even when the store never takes it", async () => {
    const registrations = { ...createMemoryRegistrationStore(), apply: () => new Promise<void>(() => {}) };
    const { sender, clock } = setup({ dead: ["not-registered"] }, { registrations });
    const sending = sender.send({ target: { token: "dead" } });
    await clock.advance(30_000);
    const { outcomes, storeError } = await sending;
    expect(outcomes).toMatchObject([{ kind: "unregistered" }]);
    expect(storeError).toBeInstanceOf(Error);
    await sender.close();
    expect(clock.scheduled).toBe(0);
  });

  it("takes a misspelt option of its own for a mistake, not for the default", () => {
    expect(() => setup({}, { maxwaiting: 1 } as object)).toThrow(
      /maxwaiting: is not an option of a sender: did you mean maxWaiting\?/,
    );
  });

  it("tells the store of a report in one call, in the order of the recipients", async () => {
    const told: (readonly RegistrationVerdict[])[] = [];
    const registrations = {
      ...createMemoryRegistrationStore(),
      apply: (each: readonly RegistrationVerdict[]) => void told.push(each),
    };
    const { sender } = setup({ a: ["not-registered"], c: ["mismatch-sender-id"] }, { registrations });
    await sender.send({ target: { tokens: ["a", "b", "c"] } });
    expect(told).toEqual([
      [
        { type: "removed", token: "a", revision: null, reason: "not-registered" },
        { type: "suspect", token: "c", revision: null, reason: "mismatch-sender-id", sender: "scripted" },
      ],
    ]);
  });

  it("refuses a transport that has retries, and names the option", () => {
    expect(() => createSender({ transport: withRetry(scriptedTransport({})) })).toThrow(
      /transport: already has retries/,
    );
    expect(() => createSender({ transport: scriptedTransport({}), maxWaiting: 0 })).toThrow(/maxWaiting/);
    for (const wrong of [
      { retry: true },
      { retry: null },
      { registrations: {} },
      { ambiguous: "maybe" },
      { random: 1 },
      { clock: {} },
    ]) {
      expect(() => createSender({ transport: scriptedTransport({}), ...(wrong as object) })).toThrow(
        Object.keys(wrong)[0],
      );
    }
  });
});

describe("what throws", () => {
  it("is invalid input, before anything is sent", async () => {
    const { sender, sentTo } = setup();
    await expect(sender.send({ target: { tokens: "tok-a" as never } })).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
    });
    await expect(sender.send({ target: { token: "a" } }, { timeoutMs: 0 })).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
    });
    for (const signal of [null, {}, "x"]) {
      await expect(sender.send({ target: { token: "a" } }, { signal: signal as never })).rejects.toMatchObject({
        code: "ERR_INVALID_OPTIONS",
      });
    }
    await expect(sender.send({ target: { token: "a" } }, null as never)).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
    });
    await expect(sender.sendToUser(undefined as never, {})).rejects.toMatchObject({ code: "ERR_INVALID_MESSAGE" });
    expect(sentTo()).toEqual([]);
  });

  it("is an option that does not exist: a misspelt time limit must not pass for none", async () => {
    const { sender, sentTo } = setup();
    const options = { timeout: 5_000, signal: undefined, receipt: undefined } as object;
    const message = { target: { token: "a" } };
    const refused = { code: "ERR_INVALID_OPTIONS", problems: [{ path: "timeout" }] };
    await expect(sender.send(message, options)).rejects.toMatchObject(refused);
    await expect(sender.sendToUser("ada", {}, options)).rejects.toMatchObject(refused);
    expect(() => sender.sendAll({}, ["a"], options)).toThrow(
      /timeout: is not an option of sendAll: did you mean timeoutMs/,
    );
    expect(sentTo()).toEqual([]);
    await expect(sender.send(message, { receipt: undefined } as object)).resolves.toBeDefined();
  });

  it("is a signal that aborted before anything was written, with its reason as the cause", async () => {
    const { sender, sentTo } = setup();
    const reason = new Error("user left");
    const sending = sender.send({ target: { token: "a" } }, { signal: AbortSignal.abort(reason) });
    await expect(sending).rejects.toMatchObject({ name: "AbortError", code: "ERR_ABORTED", cause: reason });
    expect(sentTo()).toEqual([]);

    const abort = new AbortController();
    const late = setup({ a: ["aborted"] }, {});
    late.transport.send = async (message) => {
      abort.abort(reason);
      return scriptedTransport({ a: ["aborted"] }).send(message);
    };
    await expect(late.sender.send({ target: { token: "a" } }, { signal: abort.signal })).rejects.toMatchObject({
      code: "ERR_ABORTED",
    });
  });

  it("is not a signal that aborted after the message was written and refused: that is its outcome", async () => {
    const abort = new AbortController();
    const parts = setup();
    parts.transport.send = async () => {
      abort.abort();
      return { outcomes: [failureOutcome("aborted", { recipient: "a", sentAt: 1 })] };
    };
    const { outcomes } = await parts.sender.send({ target: { token: "a" } }, { signal: abort.signal });
    expect(outcomes).toMatchObject([{ kind: "retryable", code: "aborted", sentAt: 1 }]);
  });

  it("is a closed sender; close may be called again and settles what is pending", async () => {
    const { sender, transport } = setup();
    const closing = sender.close();
    expect(sender.close()).toBe(closing);
    await closing;
    expect(transport.closed).toBe(true);
    await expect(sender.send({ target: { token: "a" } })).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(sender.capacity()).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("is one send too many, while the others are left alone", async () => {
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const transport = scriptedTransport({}, { gate: () => gate });
    const sender = createSender({ transport, maxWaiting: 2 });
    const sends = [sender.send({ target: { token: "a" } }), sender.send({ target: { token: "b" } })];
    await expect(sender.send({ target: { token: "c" } })).rejects.toMatchObject({
      code: "ERR_TOO_MANY_WAITING",
      maxWaiting: 2,
    });
    expect(sender.pending).toBe(2);
    const room = sender.capacity();
    open();
    await room;
    expect((await Promise.all(sends)).map((r) => r.outcomes[0]?.kind)).toEqual(["accepted", "accepted"]);
  });
});

describe("capacity", () => {
  it("paces any number of callers who wait for it before each send", async () => {
    let most = 0;
    const transport = scriptedTransport({}, { gate: () => new Promise((resolve) => setImmediate(resolve)) });
    const sender = createSender({ transport, maxWaiting: 10 });
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        await sender.capacity();
        const sending = sender.send({ target: { token: `t${i}` } });
        most = Math.max(most, sender.pending);
        await sending;
      }),
    );
    expect(transport.attempts).toHaveLength(500);
    expect(most).toBe(10);
  });

  it("can be given up, and is not lost with a caller who never sends", async () => {
    let open: () => void = () => {};
    const transport = scriptedTransport({}, { gate: () => new Promise((resolve) => (open = resolve)) });
    const sender = createSender({ transport, maxWaiting: 1 });
    const sending = sender.send({ target: { token: "a" } });
    const abort = new AbortController();
    const givenUp = sender.capacity({ signal: abort.signal });
    const idle = sender.capacity();
    const third = sender.capacity();
    abort.abort();
    await expect(givenUp).rejects.toMatchObject({ code: "ERR_ABORTED" });
    open();
    await sending;
    await idle;
    await third;
  });
});

describe("sendAll", () => {
  const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
    const all: T[] = [];
    for await (const item of items) all.push(item);
    return all;
  };

  it("yields one outcome per token with its position, in batches, retried where needed", async () => {
    const { sender, clock, transport } = setup({ t3: ["unavailable", "ok"], t5: ["not-registered"] });
    const progress: number[] = [];
    const tokens = Array.from({ length: 10 }, (_, i) => `t${i}`);
    const collecting = collect(
      sender.sendAll({}, tokens, { batchSize: 4, concurrency: 2, onProgress: ({ settled }) => progress.push(settled) }),
    );
    await clock.advance(10_000);
    const outcomes = await collecting;
    expect(outcomes.map(({ position, recipient }) => `t${position}` === recipient)).not.toContain(false);
    expect(new Set(outcomes.map(({ position }) => position)).size).toBe(10);
    expect(outcomes.filter(({ kind }) => kind === "accepted")).toHaveLength(9);
    expect(progress.at(-1)).toBe(10);
    expect(transport.attempts[0]?.recipients).toHaveLength(4);
  });

  it("yields every outcome whatever onProgress throws, and publishes that as a notice", async () => {
    const { sender } = setup();
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice, detail }) => notices.push(`${notice}: ${detail}`));
    const onProgress = (): never => {
      throw new TypeError("a mistake of the program's");
    };
    const outcomes = await collect(sender.sendAll({}, ["a", "b"], { batchSize: 2, onProgress }));
    stop();
    expect(outcomes.map(({ kind }) => kind)).toEqual(["accepted", "accepted"]);
    expect(notices).toEqual(["progress-listener-failed: TypeError"]);
  });

  it("takes tokens no faster than outcomes are taken", async () => {
    const { sender } = setup();
    let taken = 0;
    function* endless() {
      for (;;) yield `t${taken++}`;
    }
    const outcomes = sender.sendAll({}, endless(), { batchSize: 10, concurrency: 3 })[Symbol.asyncIterator]();
    for (let i = 0; i < 100; i++) await outcomes.next();
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBeLessThanOrEqual(100 + 10 * 4);
    await outcomes.return?.();
    expect(sender.pending).toBe(0);
  });

  it("makes a malformed token a rejected outcome and disturbs no other", async () => {
    const { sender, sentTo } = setup();
    const outcomes = await collect(sender.sendAll({}, ["a", "b b", "", "c"], { batchSize: 10 }));
    outcomes.sort((x, y) => x.position - y.position);
    expect(outcomes.map(({ kind, attempts }) => [kind, attempts])).toEqual([
      ["accepted", 1],
      ["rejected", 0],
      ["rejected", 0],
      ["accepted", 1],
    ]);
    expect(sentTo()).toEqual(["a,c"]);
  });

  it("takes an async iterable, reports what is under way when it fails, then passes its error on", async () => {
    const { sender } = setup();
    async function* failing() {
      yield "a";
      yield "b";
      throw new Error("cursor lost");
    }
    const seen: string[] = [];
    await expect(
      (async () => {
        for await (const { recipient } of sender.sendAll({}, failing(), { batchSize: 1 })) seen.push(recipient);
      })(),
    ).rejects.toThrow("cursor lost");
    expect(seen.sort()).toEqual(["a", "b"]);
  });

  it("sends what a source gave before it failed or stalled, though the batch is not full", async () => {
    const failing = setup();
    async function* cursor() {
      yield "a";
      yield "b";
      throw new Error("cursor lost");
    }
    const seen: string[] = [];
    await expect(
      (async () => {
        for await (const { recipient } of failing.sender.sendAll({}, cursor(), { batchSize: 10 })) seen.push(recipient);
      })(),
    ).rejects.toThrow("cursor lost");
    expect(seen).toEqual(["a", "b"]);

    const stalling = setup();
    async function* stall() {
      yield "c";
      await new Promise(() => {});
    }
    const outcomes = stalling.sender.sendAll({}, stall(), { batchSize: 10 })[Symbol.asyncIterator]();
    const first = outcomes.next();
    await stalling.clock.advance(100);
    expect((await first).value).toMatchObject({ kind: "accepted", recipient: "c" });
    await outcomes.return?.();
    expect(stalling.clock.scheduled).toBe(0);
  });

  it("sends nothing once the loop over it has ended", async () => {
    const { sender, sentTo } = setup();
    let next: (value: string) => void = () => {};
    async function* slow() {
      yield "a";
      yield await new Promise<string>((resolve) => (next = resolve));
    }
    for await (const _ of sender.sendAll({}, slow(), { batchSize: 1 })) break;
    next("b");
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(sentTo()).toEqual(["a"]);
  });

  it("sends no batch that waits for room when the loop over it ends", async () => {
    const { sender, sentTo, clock } = setup({ busy: ["unavailable", "ok"] }, { maxWaiting: 1 });
    const busy = sender.send({ target: { token: "busy" } });
    const looped = (async () => {
      for await (const { kind } of sender.sendAll({}, ["mal formed", "a"], { batchSize: 1 })) {
        expect(kind).toBe("rejected");
        break;
      }
    })();
    await clock.advance(60_000);
    await Promise.all([busy, looped]);
    expect(sentTo()).toEqual(["busy", "busy"]);
    expect(sender.pending).toBe(0);
  });

  it("tells a source to end only where it has not ended or failed by itself, as any loop does", async () => {
    const { sender } = setup();
    const returned: string[] = [];
    const source = (name: string, next: () => IteratorResult<string>) => ({
      [Symbol.iterator]: () => ({
        next,
        return: () => {
          returned.push(name);
          throw new Error("return() failed");
        },
      }),
    });
    for await (const _ of sender.sendAll(
      {},
      source("ended", () => ({ done: true, value: undefined })),
    ));
    const failing = source("failed", () => {
      throw new Error("next() failed");
    });
    await expect(async () => {
      for await (const _ of sender.sendAll({}, failing));
    }).rejects.toThrow("next() failed");
    const endless = source("left", () => ({ done: false, value: "a" }));
    await expect(async () => {
      for await (const _ of sender.sendAll({}, endless)) break;
    }).rejects.toThrow("return() failed");
    expect(returned).toEqual(["left"]);
  });

  it("begins no further attempt once the loop over it has ended, and does not wait for one", async () => {
    const { sender, sentTo, clock } = setup({ bad: [{ code: "unavailable", retryAfterMs: 60_000 }] });
    for await (const { recipient } of sender.sendAll({}, ["bad", "ok"], { batchSize: 1, concurrency: 2 })) {
      expect(recipient).toBe("ok");
      break;
    }
    expect(sentTo().sort()).toEqual(["bad", "ok"]);
    expect(clock.scheduled).toBe(0);
    expect(sender.pending).toBe(0);
  });

  it("refuses at once what the service cannot carry", () => {
    const transport = scriptedTransport({});
    transport.check = () => {
      throw new InvalidMessageError([{ path: "android", problem: "no such block" }]);
    };
    const sender = createSender({ transport });
    expect(() => sender.sendAll({}, ["a"])).toThrow(/no such block/);
  });

  it("gives every token taken its outcome when the store fails, then says so", async () => {
    const registrations = createMemoryRegistrationStore();
    const broken = { ...registrations, resolve: () => Promise.reject(new Error("postgres://user:secret@db")) };
    const { sender } = setup({}, { registrations: broken });
    const outcomes: unknown[] = [];
    await expect(
      (async () => {
        for await (const outcome of sender.sendAll({}, ["a", "b"], { batchSize: 2 })) outcomes.push(outcome);
      })(),
    ).rejects.toMatchObject({ code: "ERR_REGISTRATION_STORE" });
    expect(outcomes).toMatchObject([
      { kind: "retryable", code: "not-sent", attempts: 0 },
      { kind: "retryable", code: "not-sent", attempts: 0 },
    ]);
    expect(JSON.stringify(outcomes)).not.toContain("secret");
  });

  it("is disturbed by no kind of malformed token and by no kind of promise", async () => {
    const { sender } = setup();
    const odd = ["a", Object.create(null), 7, "b"] as string[];
    const kinds = (await collect(sender.sendAll({}, odd, { batchSize: 10 }))).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(["accepted", "accepted", "rejected", "rejected"]);

    const left = ["x", "y"];
    const thenables: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          const value = left.shift();
          const step = value === undefined ? { done: true as const, value } : { done: false as const, value };
          // biome-ignore lint/suspicious/noThenProperty: what this test is about
          return { then: (resolve: (step: unknown) => void) => resolve(step) } as Promise<IteratorResult<string>>;
        },
      }),
    };
    expect(await collect(sender.sendAll({}, thenables))).toHaveLength(2);
  });

  it("waits for room instead of losing tokens when others are sending too", async () => {
    const transport = scriptedTransport({}, { gate: () => new Promise((resolve) => setImmediate(resolve)) });
    const sender = createSender({ transport, maxWaiting: 1 });
    const all = collect(
      sender.sendAll(
        {},
        Array.from({ length: 20 }, (_, n) => `t${n}`),
        { batchSize: 1 },
      ),
    );
    const others = Promise.allSettled(
      Array.from({ length: 20 }, async (_, n) => {
        for (let turn = 0; turn < n; turn++) await Promise.resolve();
        return sender.send({ target: { token: "other" } });
      }),
    );
    expect((await all).map(({ kind }) => kind)).toEqual(Array(20).fill("accepted"));
    await others;
  });

  it("ends with its signal even when the source of tokens is stuck", async () => {
    const { sender } = setup();
    const abort = new AbortController();
    async function* stuck() {
      yield "a";
      await new Promise(() => {});
    }
    const seen: string[] = [];
    for await (const { recipient } of sender.sendAll({}, stuck(), { batchSize: 1, signal: abort.signal })) {
      seen.push(recipient);
      abort.abort();
    }
    expect(seen).toEqual(["a"]);
  });

  it.each([
    [{ batchSize: 0 }, "batchSize"],
    [{ concurrency: 1.5 }, "concurrency"],
  ])("refuses %j at once", (options, field) => {
    const { sender } = setup();
    expect(() => sender.sendAll({}, ["a"], options)).toThrow(field);
  });

  it("refuses a single string, which would be taken letter by letter", () => {
    const { sender } = setup();
    expect(() => sender.sendAll({}, "tok-a")).toThrow(/recipients: must be an array, an iterable/);
  });
});

describe("the option maxResends of a sender", () => {
  it("reaches a transport that sends further copies within one attempt", async () => {
    const transport = scriptedTransport({});
    const sender = createSender({ transport, retry: { maxResends: 3 } });
    await sender.send({ target: { token: "tok-a" } });
    expect(transport.attempts[0]?.options.maxResends).toBe(3);
  });
});

describe("the report of a send to one recipient", () => {
  it.each([[{ token: "tok-a" }], [{ topic: "/topics/news" }], [{ condition: "'a' in topics" }]])(
    "to %j has its one outcome",
    async (target) => {
      const sender = createSender({ transport: scriptedTransport({}) });
      const report = await sender.send({ target } as SingleMessageInput);
      expect(report.outcome).toBe(report.outcomes[0]);
      expect(report.outcome.recipient).toBe(Object.values(target)[0]);
    },
  );

  it("to a list of one token has outcomes only", async () => {
    const sender = createSender({ transport: scriptedTransport({}) });
    expect(await sender.send({ target: { tokens: ["tok-a"] } })).not.toHaveProperty("outcome");
  });
});
