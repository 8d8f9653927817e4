import { describe, expect, it } from "vitest";
import { recipientsOf } from "../message/target.ts";
import { POLICY } from "../scripted-transport.test-support.ts";
import { msBetween, NEVER } from "../time/monotonic.ts";
import { all, pass, setUp } from "./outbox.test-support.ts";

describe("an outbox whose worker ends without a word", () => {
  it("sends again what was marked, tells of the copy, and sends the rest once", async () => {
    const { clock, open, crashing } = setUp();
    const { outbox, transport } = open();
    await outbox.enqueue({ target: { tokens: ["a", "b", "c"] } });
    const dead = crashing(1);
    await pass(clock, 500);
    expect(dead.sent()).toBe(1);
    const done = outbox.work({ untilIdle: true, batchSize: 1000 });
    await pass(clock, 40_000);
    await done;
    const results = await all(outbox);
    const byName = Object.fromEntries(results.map(({ outcome }) => [outcome.recipient, outcome]));
    expect(byName["a"]).toMatchObject({ kind: "accepted", attempts: 2, unansweredCopies: 1 });
    expect(byName["b"]).toMatchObject({ kind: "accepted", attempts: 1 });
    expect(byName["b"]).not.toHaveProperty("unansweredCopies");
    expect(transport.attempts.flatMap(({ recipients }) => recipients).sort()).toEqual(["a", "b", "c"]);
  });

  it("makes one further copy over any number of crashes, and then says ambiguous", async () => {
    const { clock, open, crashing } = setUp();
    const { outbox, transport } = open();
    await outbox.enqueue({ target: { token: "a" } });
    const workers: ReturnType<typeof crashing>[] = [];
    for (let crash = 0; crash < 4; crash++) {
      workers.push(crashing());
      await pass(clock, 40_000);
    }
    expect(workers.reduce((sum, worker) => sum + worker.sent(), 0)).toBe(2);
    const results = await all(outbox);
    expect(results.map(({ outcome }) => outcome)).toEqual([
      expect.objectContaining({ kind: "ambiguous", code: "worker-lost", attempts: 2, unansweredCopies: 1 }),
    ]);
    expect(transport.attempts).toEqual([]);
  });

  it("makes no further copy under ambiguous: report, nor to a topic", async () => {
    const { clock, open, crashing } = setUp();
    const { outbox } = open();
    await outbox.enqueue({ target: { token: "a" } }, { ambiguous: "report" });
    await outbox.enqueue({ target: { topic: "news" } });
    const dead = crashing(2);
    await pass(clock, 500);
    expect(dead.sent()).toBe(2);
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 40_000);
    await done;
    const kinds = (await all(outbox)).map(({ outcome }) => outcome.kind);
    expect(kinds).toEqual(["ambiguous", "ambiguous"]);
  });

  it("writes again under the same message ID over CCS", async () => {
    const { clock, open, crashing } = setUp();
    const ccs = { usesMessageIds: true, settlesAmbiguous: true } as const;
    const { outbox, transport } = open(ccs);
    await outbox.enqueueAll({}, ["a"]);
    const dead = crashing(1, ccs);
    await pass(clock, 500);
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 40_000);
    await done;
    expect(dead.messageIds[0]).toHaveLength(1);
    expect(transport.attempts[0]?.options.messageIds).toEqual(dead.messageIds[0]);
    expect(transport.attempts[0]?.options.maxResends).toBe(POLICY.maxResends - 1);
  });
});

describe("an outbox that is closed", () => {
  it("settles what is in flight, and gives the rest back at once", async () => {
    const { clock, open } = setUp();
    let answer: () => void = () => {};
    const slow = open({
      async send(message) {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        const [recipient] = recipientsOf(message.target);
        return { outcomes: [{ kind: "accepted", recipient: recipient as string, attempts: 1 }] };
      },
    });
    await slow.outbox.enqueue({ target: { tokens: ["a", "b", "c", "d"] } });
    const working = slow.outbox.work({ concurrency: 1, batchSize: 1 });
    await pass(clock, 500);
    const closing = slow.outbox.close();
    answer();
    await Promise.all([working, closing]);
    const { outbox, transport } = open();
    const done = outbox.work({ untilIdle: true, batchSize: 10 });
    // no lease has to run out
    await pass(clock, 1_000);
    await done;
    expect(transport.attempts.flatMap(({ recipients }) => recipients).sort()).toEqual(["b", "c", "d"]);
    expect((await all(outbox)).map(({ outcome }) => outcome.unansweredCopies)).toEqual(Array(4).fill(undefined));
  });
});

describe("an outbox with waiting messages", () => {
  it("shrinks the time to live by the time waited, and drops what has expired", async () => {
    const { clock, open } = setUp();
    const { outbox, transport } = open();
    await outbox.enqueue({ target: { token: "late" }, timeToLiveSec: 60 });
    await outbox.enqueue({ target: { token: "dead" }, timeToLiveSec: 20 });
    await outbox.enqueue({ target: { token: "dated" } }, { expiresAt: clock.now() + 100_000 });
    await clock.advance(30_000);
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 2_000);
    await done;
    const outcomes = (await all(outbox)).map(({ outcome }) => [
      outcome.recipient,
      "code" in outcome ? outcome.code : outcome.kind,
    ]);
    expect(outcomes.sort()).toEqual([
      ["dated", "accepted"],
      ["dead", "expired"],
      ["late", "accepted"],
    ]);
    const late = transport.attempts.find(({ recipients }) => recipients[0] === "late");
    // 30 of 60 seconds are left
    expect(msBetween(clock.monotonic(), late?.options.expiresAt ?? NEVER)).toBeLessThanOrEqual(30_000);
  });

  it("sends at the time asked for", async () => {
    const { clock, open } = setUp();
    const { outbox, transport } = open();
    await outbox.enqueue({ target: { token: "a" } }, { sendAt: new Date(clock.now() + 60_000) });
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 59_000);
    expect(transport.attempts).toEqual([]);
    await pass(clock, 2_000);
    await done;
    expect(transport.attempts).toHaveLength(1);
  });

  it("cancels what is not sent, also what is not due", async () => {
    const { clock, open } = setUp();
    const { outbox, transport } = open();
    const { id } = await outbox.enqueue({ target: { tokens: ["a", "b"] } }, { sendAt: clock.now() + 60_000 });
    expect(await outbox.cancel(id)).toMatchObject({ state: "cancelled", pending: 0, codes: { cancelled: 2 } });
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 61_000);
    await done;
    expect(transport.attempts).toEqual([]);
  });

  it("refuses more than its backlog by a named error", async () => {
    const { open } = setUp();
    const { outbox } = open({}, { maxBacklog: 3 });
    await outbox.enqueue({ target: { tokens: ["a", "b"] } });
    await expect(outbox.enqueue({ target: { tokens: ["c", "d"] } })).rejects.toMatchObject({
      code: "ERR_OUTBOX_FULL",
      maxBacklog: 3,
    });
    await outbox.enqueue({ target: { token: "c" } });
    expect((await outbox.backlog()).recipients).toBe(3);
  });

  it("sends urgent messages between the batches of a campaign", async () => {
    const { clock, open } = setUp();
    const order: string[] = [];
    const { outbox } = open({
      async send(message) {
        const tokens = (message.target as { tokens?: string[]; token?: string }).tokens ?? [
          (message.target as { token: string }).token,
        ];
        order.push(tokens[0] as string);
        await new Promise<void>((resolve) => void clock.schedule(100, resolve));
        return { outcomes: tokens.map((recipient) => ({ kind: "accepted", recipient, attempts: 1 }) as const) };
      },
    });
    await outbox.enqueueAll(
      {},
      Array.from({ length: 300 }, (_, n) => `bulk-${n}`),
    );
    const done = outbox.work({ untilIdle: true, concurrency: 1, batchSize: 10 });
    await pass(clock, 500, 50);
    await outbox.enqueue({ target: { token: "urgent" } }, { lane: "urgent" });
    const before = order.length;
    await pass(clock, 5_000, 50);
    await done;
    expect(order.indexOf("urgent")).toBeLessThanOrEqual(before + 2);
    expect(order).toHaveLength(31);
  });
});
