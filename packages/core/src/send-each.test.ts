import { describe, expect, it } from "vitest";
import {
  type DownstreamMessage,
  type DownstreamMessageInput,
  type MessageContent,
  refuseV1Only,
} from "./message/downstream.ts";
import { type Answer, scriptedTransport } from "./scripted-transport.test-support.ts";
import { createSender } from "./sending/create-sender.ts";
import type { CreateSenderOptions, SendEachOutcome } from "./sending/sender.ts";
import { createManualClock } from "./time/clock.ts";

function setup(script: Record<string, readonly Answer[]> = {}, options: Partial<CreateSenderOptions> = {}) {
  const clock = createManualClock(1_000);
  const transport = scriptedTransport(script, { clock });
  const messages: DownstreamMessage[] = [];
  const send = transport.send.bind(transport);
  transport.send = (message, attempt) => {
    messages.push(message);
    return send(message, attempt);
  };
  const sender = createSender({ transport, clock, random: () => 0, ...options });
  return { clock, transport, sender, messages };
}

async function all<T>(outcomes: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const outcome of outcomes) taken.push(outcome);
  return taken;
}

const inOrder = (outcomes: SendEachOutcome[]) =>
  outcomes
    .sort((a, b) => a.position - b.position || a.index - b.index)
    .map(({ position, index, kind, recipient }) => `${position}.${index} ${kind} ${recipient}`);

describe("sendEach", () => {
  it("sends different messages, each to its own recipients, from an iterable or an async one", async () => {
    const given: DownstreamMessageInput[] = [
      { target: { token: "tok-a" }, data: { n: "1" } },
      { target: { topic: "/topics/news" }, notification: { title: "t" } },
      { target: { tokens: ["tok-b", "dead"] } },
      { target: { tokens: [] } },
      { target: { condition: "'a' in topics" } },
    ];
    async function* later() {
      yield* given;
    }
    for (const source of [given, later()]) {
      const { sender, messages } = setup({ dead: ["not-registered"] });
      expect(inOrder(await all(sender.sendEach(source)))).toEqual([
        "0.0 accepted tok-a",
        "1.0 accepted /topics/news",
        "2.0 accepted tok-b",
        "2.1 unregistered dead",
        "4.0 accepted 'a' in topics",
      ]);
      expect(messages.map(({ data }) => data?.["n"])).toContain("1");
      expect(sender.pending).toBe(0);
    }
  });

  it("gives a bad message an outcome of its own and sends the others", async () => {
    const { sender, messages } = setup();
    const given = [
      { target: { token: "tok-a" } },
      undefined,
      { target: { token: "tok-b" }, data: { from: "x" } },
      { target: { tokens: ["tok-c", undefined] } },
      { target: { topic: "no such topic" } },
      { data: { n: "1" } },
      "tok",
      { target: { token: "tok-d" } },
    ] as DownstreamMessageInput[];
    const outcomes = await all(sender.sendEach(given));
    expect(inOrder(outcomes)).toEqual([
      "0.0 accepted tok-a",
      "1.0 rejected undefined",
      "2.0 rejected tok-b",
      "3.0 accepted tok-c",
      "3.1 rejected undefined",
      "4.0 rejected no such topic",
      "5.0 rejected an object",
      "6.0 rejected tok",
      "7.0 accepted tok-d",
    ]);
    expect(outcomes.find(({ position }) => position === 2)).toMatchObject({
      code: "invalid-argument",
      attempts: 0,
      detail: expect.stringContaining("data.from: is a reserved key"),
    });
    expect(messages).toHaveLength(3);
  });

  it("refuses what the service cannot carry as that message's own outcome", async () => {
    const { sender, transport } = setup();
    transport.check = (message) => refuseV1Only(message, "CCS");
    const outcomes = await all(sender.sendEach([{ target: { token: "a" }, apns: {} }, { target: { token: "b" } }]));
    expect(inOrder(outcomes)).toEqual(["0.0 rejected a", "1.0 accepted b"]);
  });

  it("takes no more messages than are under way, and none once the loop has ended", async () => {
    let taken = 0;
    let ended = false;
    function* source(): Generator<DownstreamMessageInput> {
      try {
        for (;;) {
          taken++;
          yield { target: { token: `tok-${taken}` } };
        }
      } finally {
        ended = true;
      }
    }
    const { sender } = setup();
    let count = 0;
    for await (const _ of sender.sendEach(source(), { concurrency: 4 })) {
      expect(taken - count).toBeLessThanOrEqual(9);
      if (++count === 100) break;
    }
    expect([ended, sender.pending]).toEqual([true, 0]);
  });

  it("waits for permits, so that it never has more sends under way than maxWaiting", async () => {
    let most = 0;
    const { sender, transport } = setup({}, { maxWaiting: 3 });
    const send = transport.send.bind(transport);
    transport.send = async (message, attempt) => {
      most = Math.max(most, sender.pending);
      await new Promise((resolve) => setImmediate(resolve));
      return send(message, attempt);
    };
    const source = Array.from({ length: 30 }, (_, n) => ({ target: { token: `tok-${n}` } }));
    expect(await all(sender.sendEach(source, { concurrency: 10 }))).toHaveLength(30);
    expect(most).toBe(3);
  });

  it("passes on the error of its source after the outcomes of what it gave", async () => {
    const { sender } = setup();
    function* source(): Generator<DownstreamMessageInput> {
      yield { target: { token: "tok-a" } };
      throw new Error("the cursor is gone");
    }
    const taken: string[] = [];
    const loop = (async () => {
      for await (const { recipient } of sender.sendEach(source())) taken.push(recipient);
    })();
    await expect(loop).rejects.toThrow("the cursor is gone");
    expect(taken).toEqual(["tok-a"]);
  });

  it("refuses misspelt options and what is no iterable at once", () => {
    const { sender } = setup();
    expect(() => sender.sendEach([], { concurency: 1 } as object)).toThrow(/did you mean concurrency/);
    expect(() => sender.sendEach({} as never)).toThrow(/messages: must be an array, an iterable/);
  });
});

describe("sendAll with personalize", () => {
  const content: MessageContent = {
    data: { a: "1" },
    notification: { title: "News", body: "for you" },
    apns: { payload: { aps: { category: "x" } } },
  };

  it("puts each recipient's changes over the content, field by field", async () => {
    const { sender, messages } = setup();
    const rows = [
      { token: "tok-a", badge: 1 },
      { token: "tok-b", badge: 0 },
      { token: "tok-c", badge: -1 },
    ];
    const outcomes = await all(
      sender.sendAll(content, rows, {
        personalize: ({ badge }, position) =>
          badge < 0
            ? undefined
            : { notification: { badge }, data: { at: String(position) }, apns: { payload: { aps: { badge } } } },
      }),
    );
    expect(outcomes.map(({ position, kind, recipient }) => `${position} ${kind} ${recipient}`).sort()).toEqual([
      "0 accepted tok-a",
      "1 accepted tok-b",
      "2 accepted tok-c",
    ]);
    expect(messages).toEqual([
      {
        target: { tokens: ["tok-a"] },
        data: { a: "1", at: "0" },
        notification: { title: "News", body: "for you", badge: 1 },
        apns: { payload: { aps: { category: "x", badge: 1 } } },
      },
      {
        target: { tokens: ["tok-b"] },
        data: { a: "1", at: "1" },
        notification: { title: "News", body: "for you", badge: 0 },
        apns: { payload: { aps: { category: "x", badge: 0 } } },
      },
      { target: { tokens: ["tok-c"] }, ...content },
    ]);
  });

  it("gives bad changes and bad tokens an outcome of their own", async () => {
    const { sender } = setup();
    const outcomes = await all(
      sender.sendAll(content, ["tok-a", "", "tok-b"], {
        personalize: (token) => (token === "tok-a" ? { notification: { badge: -1 } } : { timeToLiveSec: 5 }),
      }),
    );
    expect(outcomes.sort((a, b) => a.position - b.position)).toMatchObject([
      { kind: "rejected", recipient: "tok-a", detail: expect.stringContaining("notification.badge") },
      { kind: "rejected", recipient: "", detail: expect.stringContaining("The token must not be empty") },
      { kind: "accepted", recipient: "tok-b" },
    ]);
  });

  it("refuses changes that are no plain object, and takes null for none: nothing goes without its content", async () => {
    const { sender, messages } = setup();
    const changes: Record<string, unknown> = { a: Promise.resolve({}), b: "text", c: [], d: null };
    const personalize = (token: string) => changes[token] as MessageContent;
    const outcomes = await all(sender.sendAll({ data: { n: "1" } }, ["a", "b", "c", "d"], { personalize }));
    expect(outcomes.sort((a, b) => a.position - b.position)).toMatchObject([
      { kind: "rejected", detail: "The changes of the content must be a plain object, not a Promise" },
      { kind: "rejected", detail: "The changes of the content must be a plain object, not a string" },
      { kind: "rejected", detail: "The changes of the content must be a plain object, not an array" },
      { kind: "accepted" },
    ]);
    expect(messages).toEqual([{ target: { tokens: ["d"] }, data: { n: "1" } }]);
  });

  it("ends the loop with the error of a function that throws, after the outcomes of what was taken", async () => {
    const { sender } = setup();
    const taken: string[] = [];
    const loop = (async () => {
      const personalize = (token: string): MessageContent => {
        if (token === "tok-b") throw new Error("no such row");
        return {};
      };
      for await (const { recipient } of sender.sendAll({}, ["tok-a", "tok-b", "tok-c"], { personalize }))
        taken.push(recipient);
    })();
    await expect(loop).rejects.toThrow("no such row");
    expect(taken).toEqual(["tok-a"]);
  });

  it("ends the loop with that error also where the source fails to end", async () => {
    const { sender } = setup();
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false as const, value: "tok-a" }),
        return: (): never => {
          throw new Error("return() failed");
        },
      }),
    };
    const personalize = (): never => {
      throw new Error("no such row");
    };
    await expect(all(sender.sendAll({}, source, { personalize }))).rejects.toThrow("no such row");
  });

  it("keeps what a message says about __proto__", async () => {
    const { sender, messages } = setup();
    const data = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
    await all(sender.sendAll({ data: { a: "1" } }, ["tok-a"], { personalize: () => ({ data }) }));
    expect(JSON.stringify(messages[0]?.data)).toBe('{"a":"1","__proto__":"x"}');
  });

  it("takes objects with a token without it, too", async () => {
    const { sender, messages } = setup({}, {});
    await all(sender.sendAll({}, [{ token: "tok-a" }, { token: "tok-b" }], { batchSize: 2 }));
    expect(messages).toEqual([{ target: { tokens: ["tok-a", "tok-b"] } }]);
  });
});
