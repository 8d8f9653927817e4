import {
  type CcsClientOptions,
  createCcsClient,
  createHandledMessages,
  type DeadLetter,
} from "@cloud-messaging/ccs-client";
import { createManualClock, InvalidOptionsError, subscribe, type UpstreamMessage } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { type ScriptedConnection, startScriptedServer, upstreamStanza } from "../support/ccs-scripted-server.ts";

async function online(options: Partial<CcsClientOptions> = {}) {
  const clock = createManualClock();
  const server = await startScriptedServer();
  const client = createCcsClient({ ...server.options(), clock, random: () => 0, ...options });
  const connection = await server.next();
  await client.ready();
  return {
    server,
    client,
    connection,
    clock,
    async [Symbol.asyncDispose]() {
      for (const open of server.connections) open.ackAll();
      const closing = client.close();
      await clock.advance(60_000);
      await closing;
      await server.close();
    },
  };
}

const deliver = (connection: ScriptedConnection, id: string, from = "tok-a", data: object = { q: "7" }): void =>
  connection.write(upstreamStanza({ data, time_to_live: 86_400, from, message_id: id, category: "com.example.app" }));
const acked = (connection: ScriptedConnection, count: number) =>
  connection.until(() => connection.acks.length >= count);
const ids = (connection: ScriptedConnection) => connection.acks.map(({ id }) => id);

/** A promise and how to settle it. */
function later() {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Collects what happens to upstream messages. */
function results() {
  const seen: string[] = [];
  const stop = subscribe("cloud-messaging:ccs-upstream", ({ messageId, result }) =>
    seen.push(`${messageId} ${result}`),
  );
  return { seen, [Symbol.dispose]: stop };
}

describe("an upstream message", () => {
  it("reaches the handler with everything CCS tells, and is acked once the handler has succeeded", async () => {
    const work = later();
    const seen: { message: UpstreamMessage; connectionId: number; deliveryAttempt: number; receivedAt: number }[] = [];
    await using parts = await online({
      async onUpstream(message, { connectionId, deliveryAttempt, receivedAt, signal }) {
        expect(signal.aborted).toBe(false);
        seen.push({ message, connectionId, deliveryAttempt, receivedAt });
        await work.promise;
      },
    });
    const { connection, clock } = parts;
    deliver(connection, "u-1");
    while (seen.length === 0) await clock.advance(0);
    expect(seen).toEqual([
      {
        message: {
          from: "tok-a",
          messageId: "u-1",
          category: "com.example.app",
          data: { q: "7" },
          timeToLiveSec: 86_400,
        },
        connectionId: 1,
        deliveryAttempt: 1,
        receivedAt: clock.now(),
      },
    ]);
    expect(connection.acks).toEqual([]);
    work.resolve();
    await acked(connection, 1);
    expect(connection.acks).toEqual([{ id: "u-1", to: "tok-a" }]);
  });

  it("is not acked when the handler fails, and handled again when CCS delivers it again", async () => {
    const attempts: number[] = [];
    using seen = results();
    await using parts = await online({
      onUpstream(_, context) {
        attempts.push(context.deliveryAttempt);
        if (context.deliveryAttempt === 1) throw new Error("not today");
      },
    });
    const { connection } = parts;
    deliver(connection, "u-1");
    deliver(connection, "u-2", "tok-b");
    while (seen.seen.length < 2) await parts.clock.advance(0);
    expect(connection.acks).toEqual([]);
    deliver(connection, "u-1");
    deliver(connection, "u-2", "tok-b");
    await acked(connection, 2);
    expect(attempts).toEqual([1, 1, 2, 2]);
    expect(seen.seen.slice(0, 2)).toEqual(["u-1 failed", "u-2 failed"]);
  });

  it("becomes a dead letter after maxDeliveryAttempts: handed to onDeadLetter, then acked, and not handled again", async () => {
    const deadLetters: DeadLetter[] = [];
    let attempts = 0;
    using seen = results();
    await using parts = await online({
      maxDeliveryAttempts: 3,
      onUpstream() {
        attempts++;
        throw new Error("poison");
      },
      onDeadLetter: (what) => {
        deadLetters.push(what);
      },
    });
    const { connection, clock } = parts;
    for (let i = 0; i < 3; i++) {
      expect(connection.acks).toEqual([]);
      deliver(connection, "u-1");
      while (seen.seen.length <= i) await clock.advance(0);
    }
    await acked(connection, 1);
    expect(deadLetters).toMatchObject([
      { type: "upstream", deliveryAttempts: 3, message: { messageId: "u-1" }, error: { message: "poison" } },
    ]);
    deliver(connection, "u-1");
    await acked(connection, 2);
    expect(attempts).toBe(3);
    expect(seen.seen).toEqual(["u-1 failed", "u-1 failed", "u-1 dead-lettered", "u-1 duplicate"]);
  });

  it("is not acked when onDeadLetter fails", async () => {
    using seen = results();
    await using parts = await online({
      maxDeliveryAttempts: 1,
      onUpstream() {
        throw new Error("poison");
      },
      onDeadLetter() {
        throw new Error("the dead-letter table is down");
      },
    });
    deliver(parts.connection, "u-1");
    while (seen.seen.length < 1) await parts.clock.advance(0);
    expect(seen.seen).toEqual(["u-1 failed"]);
    expect(parts.connection.acks).toEqual([]);
  });

  it("that was handled already is acked and not handled twice; the same ID of another device is another message", async () => {
    const handled: string[] = [];
    await using parts = await online({
      onUpstream: ({ from, messageId }) => {
        handled.push(`${from} ${messageId}`);
      },
    });
    const { connection } = parts;
    deliver(connection, "u-1", "tok-a");
    await acked(connection, 1);
    deliver(connection, "u-1", "tok-a");
    deliver(connection, "u-1", "tok-b");
    await acked(connection, 3);
    expect(handled).toEqual(["tok-a u-1", "tok-b u-1"]);
  });

  it("is known to be handled by every app server that shares the store", async () => {
    const handledMessages = createHandledMessages(10);
    const handled: string[] = [];
    const onUpstream = ({ messageId }: UpstreamMessage): void => {
      handled.push(messageId);
    };
    await using first = await online({ handledMessages, onUpstream });
    await using second = await online({ handledMessages, onUpstream });
    deliver(first.connection, "u-1");
    await acked(first.connection, 1);
    deliver(second.connection, "u-1");
    await acked(second.connection, 1);
    expect(handled).toEqual(["u-1"]);
  });

  it("survives a store that fails: handled again rather than lost", async () => {
    let broken = true;
    using seen = results();
    await using parts = await online({
      handledMessages: {
        has() {
          if (broken) throw new Error("down");
          return false;
        },
        add: () => Promise.reject(new Error("down")),
      },
      onUpstream: () => undefined,
    });
    deliver(parts.connection, "u-1");
    while (seen.seen.length < 1) await parts.clock.advance(0);
    broken = false;
    deliver(parts.connection, "u-1");
    await acked(parts.connection, 1);
    expect(seen.seen).toEqual(["u-1 failed", "u-1 handled"]);
  });

  it("is remembered in a store whose promises are of another make, which work only once they are awaited", async () => {
    const keys = new Set<string>();
    const lazy = <T>(work: () => T) =>
      // biome-ignore lint/suspicious/noThenProperty: as query builders are
      ({ then: (done: (value: T) => void) => done(work()) }) as unknown as Promise<T>;
    const handled: string[] = [];
    await using parts = await online({
      handledMessages: {
        has: (key) => lazy(() => keys.has(key)),
        add: (key) => lazy(() => void keys.add(key)),
      },
      onUpstream: ({ messageId }) => void handled.push(messageId),
    });
    deliver(parts.connection, "u-1");
    await acked(parts.connection, 1);
    deliver(parts.connection, "u-1");
    await acked(parts.connection, 2);
    expect([handled, keys.size]).toEqual([["u-1"], 1]);
  });

  it("is acked on the connection it came on, and never on another: there it is handled once and acked when it comes again", async () => {
    const work = later();
    const handled: string[] = [];
    await using parts = await online({
      async onUpstream({ messageId }) {
        handled.push(messageId);
        await work.promise;
      },
    });
    const { server, connection } = parts;
    deliver(connection, "u-1");
    while (handled.length === 0) await parts.clock.advance(0);
    connection.socket.destroy();
    const second = await server.next();
    deliver(second, "u-2", "tok-b");
    while (handled.length === 1) await parts.clock.advance(0);
    work.resolve();
    await acked(second, 1);
    expect(ids(second)).toEqual(["u-2"]);
    deliver(second, "u-1");
    await acked(second, 2);
    expect(ids(second)).toEqual(["u-2", "u-1"]);
    expect(handled).toEqual(["u-1", "u-2"]);
  });

  it("that comes again on a second connection while it is being handled is handled once, and acked on both", async () => {
    const work = later();
    const handled: string[] = [];
    await using parts = await online({
      async onUpstream({ messageId }) {
        handled.push(messageId);
        await work.promise;
      },
    });
    const { server, connection } = parts;
    deliver(connection, "u-1");
    connection.drain();
    const second = await server.next();
    deliver(second, "u-1");
    deliver(second, "u-2", "tok-b");
    while (handled.length < 2) await parts.clock.advance(0);
    work.resolve();
    await acked(second, 2);
    await acked(connection, 1);
    expect(handled).toEqual(["u-1", "u-2"]);
    expect(ids(connection)).toEqual(["u-1"]);
  });

  it("waits for a handler, and is not acked without one", async () => {
    await using parts = await online();
    const { client, connection, clock } = parts;
    deliver(connection, "u-1");
    connection.write('<iq type="get" id="p"><ping xmlns="urn:xmpp:ping"/></iq>');
    await connection.until(() => connection.iqs.length === 1);
    expect(connection.acks).toEqual([]);
    const handled: string[] = [];
    const off = client.onUpstream(({ messageId }) => {
      handled.push(messageId);
    });
    await acked(connection, 1);
    expect(() => client.onUpstream(() => undefined)).toThrow(InvalidOptionsError);
    expect(() => client.upstream()).toThrow(InvalidOptionsError);
    off();
    deliver(connection, "u-2");
    await clock.advance(1_000);
    expect(handled).toEqual(["u-1"]);
  });

  it("is not given to what is no handler: that is refused, and the message waits on", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    deliver(connection, "u-1");
    expect(() => client.onUpstream(undefined as never)).toThrow(/onUpstream.*function/);
    expect(() => client.onReceipt({} as never)).toThrow(/onReceipt.*function/);
    client.onUpstream(() => undefined);
    await acked(connection, 1);
  });

  it("of one device is handled after the one before it, those of several devices at once, and no more than allowed", async () => {
    const running = new Map<string, ReturnType<typeof later>>();
    const started: string[] = [];
    await using parts = await online({
      handlerConcurrency: 2,
      onUpstream({ messageId }) {
        started.push(messageId);
        const work = later();
        running.set(messageId, work);
        return work.promise;
      },
    });
    const { connection, clock } = parts;
    for (const [id, from] of [
      ["a1", "A"],
      ["a2", "A"],
      ["b1", "B"],
      ["c1", "C"],
    ] as const)
      deliver(connection, id, from);
    const startedAre = async (...expected: string[]): Promise<void> => {
      while (started.length < expected.length) await clock.advance(0);
      await clock.advance(0);
      expect(started).toEqual(expected);
    };
    await startedAre("a1", "b1");
    running.get("a1")?.resolve();
    await startedAre("a1", "b1", "c1");
    running.get("b1")?.resolve();
    await startedAre("a1", "b1", "c1", "a2");
    running.get("a2")?.resolve();
    running.get("c1")?.resolve();
    await acked(connection, 4);
  });

  it("beyond what is held is left for CCS to deliver again", async () => {
    const work = later();
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice }) => notices.push(notice));
    await using parts = await online({ maxQueuedDeliveries: 2, onUpstream: () => work.promise });
    const { connection, clock } = parts;
    for (const id of ["u-1", "u-2", "u-3"]) deliver(connection, id);
    while (notices.length === 0) await clock.advance(0);
    stop();
    expect(notices).toEqual(["upstream-queue-full"]);
    work.resolve();
    await acked(connection, 2);
    deliver(connection, "u-3");
    await acked(connection, 3);
    expect(ids(connection)).toEqual(["u-1", "u-2", "u-3"]);
  });

  it("holds up close() until it is handled, and is aborted at the time limit", async () => {
    const work = later();
    let signal: AbortSignal | undefined;
    const parts = await online({
      closeTimeoutMs: 4_000,
      onUpstream(_, context) {
        signal = context.signal;
        return work.promise;
      },
    });
    const { client, connection, clock, server } = parts;
    deliver(connection, "u-1");
    while (signal === undefined) await clock.advance(0);
    const closing = client.close();
    deliver(connection, "u-2", "tok-b");
    await clock.advance(3_999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.aborted).toBe(true);
    await closing;
    work.resolve();
    await clock.advance(0);
    expect(connection.acks).toEqual([]);
    expect(clock.scheduled).toBe(0);
    await server.close();
  });

  it("whose handling close() cut short was not tried: nobody gives it up, and it may come again", async () => {
    const touched: string[] = [];
    let signal: AbortSignal | undefined;
    const parts = await online({
      closeTimeoutMs: 4_000,
      maxDeliveryAttempts: 1,
      onDeadLetter: () => void touched.push("dead letter"),
      handledMessages: { has: () => false, add: () => void touched.push("remembered") },
      onUpstream: (_, context) =>
        new Promise((_, reject) => {
          signal = context.signal;
          signal.addEventListener("abort", () => reject(signal?.reason));
        }),
    });
    const { client, connection, clock, server } = parts;
    deliver(connection, "u-1");
    while (signal === undefined) await clock.advance(0);
    const closing = client.close();
    await clock.advance(4_000);
    await closing;
    expect([touched, connection.acks]).toEqual([[], []]);
    await server.close();
  });

  it("that the store knows nothing of before the client has closed is not handled any more", async () => {
    const asked = later();
    const handled: string[] = [];
    let has = (): Promise<boolean> => Promise.resolve(false);
    const parts = await online({
      closeTimeoutMs: 4_000,
      handledMessages: { has: () => has(), add: () => undefined },
      onUpstream: ({ messageId }) => void handled.push(messageId),
    });
    const { client, connection, clock, server } = parts;
    const began = later();
    has = () => {
      began.resolve();
      return asked.promise.then(() => false);
    };
    deliver(connection, "u-1");
    await began.promise;
    const closing = client.close();
    await clock.advance(4_000);
    await closing;
    asked.resolve();
    await clock.advance(0);
    expect(handled).toEqual([]);
    await server.close();
  });
});

describe("a loop over upstream messages", () => {
  it("has a message acked when the next one is asked for", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    for (const id of ["u-1", "u-2", "u-3"]) deliver(connection, id);
    const seen: string[] = [];
    for await (const message of client.upstream()) {
      await acked(connection, seen.length);
      expect(ids(connection)).toEqual(seen);
      seen.push(message.messageId);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(["u-1", "u-2", "u-3"]);
    expect(ids(connection)).toEqual(["u-1", "u-2"]);
  });

  it("has a message not acked after a throw; the next loop gets it again", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    deliver(connection, "u-1");
    const failing = async (): Promise<void> => {
      for await (const message of client.upstream()) throw new Error(message.messageId);
    };
    await expect(failing()).rejects.toThrow("u-1");
    expect(connection.acks).toEqual([]);
    const loop = client.upstream();
    expect((await loop.next()).value).toMatchObject({ messageId: "u-1" });
    const next = loop.next();
    await acked(connection, 1);
    deliver(connection, "u-2");
    expect((await next).value).toMatchObject({ messageId: "u-2" });
    await loop.return?.();
  });

  it("ends when the client closes, with the message in hand acked if the loop comes round in time", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    deliver(connection, "u-1");
    const seen: string[] = [];
    let closing: Promise<void> | undefined;
    for await (const message of client.upstream()) {
      seen.push(message.messageId);
      closing = client.close();
    }
    await closing;
    expect(seen).toEqual(["u-1"]);
    await acked(connection, 1);
  });

  it("that breaks while another goes on leaves its message, and what is behind it, to that one", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const first = client.upstream();
    const second = client.upstream();
    const taken = first.next();
    const seen: string[] = [];
    const going = (async () => {
      for await (const { messageId } of second) {
        seen.push(messageId);
        if (seen.length === 3) break;
        if (seen.length === 1) deliver(connection, "u-3");
      }
    })();
    deliver(connection, "u-1");
    expect((await taken).value?.messageId).toBe("u-1");
    deliver(connection, "u-2");
    await first.return?.();
    deliver(connection, "u-1");
    await going;
    expect(seen).toEqual(["u-1", "u-2", "u-3"]);
    await connection.until(() => ids(connection).includes("u-2"));
    expect(ids(connection)).toContain("u-1");
    const third = client.upstream();
    expect((await third.next()).value?.messageId).toBe("u-3");
    void third.next();
    await connection.until(() => ids(connection).includes("u-3"));
  });

  it("may ask for several at once: each further request settles the oldest, and the end gives back all", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const loop = client.upstream();
    const both = Promise.all([loop.next(), loop.next()]);
    deliver(connection, "u-1", "tok-a");
    deliver(connection, "u-2", "tok-b");
    await both;
    expect(connection.acks).toEqual([]);
    const other = client.upstream();
    const third = loop.next();
    await acked(connection, 1);
    deliver(connection, "u-3", "tok-c");
    expect((await third).value?.messageId).toBe("u-3");
    await loop.return?.();
    const again = [(await other.next()).value?.messageId, (await other.next()).value?.messageId];
    expect([...ids(connection).slice(0, 1), ...again].sort()).toEqual(["u-1", "u-2", "u-3"]);
    await other.return?.();
  });

  it("shares the messages with other loops", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const loops = [client.upstream(), client.upstream()] as const;
    const both = Promise.all(loops.map((loop) => loop.next()));
    deliver(connection, "u-1", "tok-a");
    deliver(connection, "u-2", "tok-b");
    expect((await both).map(({ value }) => value?.messageId).sort()).toEqual(["u-1", "u-2"]);
    for (const loop of loops) await loop.return?.();
  });
});
