import { describe, expect, it } from "vitest";
import { scriptedTransport } from "../scripted-transport.test-support.ts";
import { createManualClock } from "../time/clock.ts";
import { createOutbox } from "./create-outbox.ts";
import { createMemoryOutboxEngine } from "./memory-engine.ts";
import type { Outbox, OutboxResult, ResultOptions } from "./outbox.ts";

async function all(outbox: Outbox, options?: ResultOptions): Promise<OutboxResult[]> {
  const results: OutboxResult[] = [];
  for await (const result of outbox.results(options)) results.push(result);
  return results;
}

describe("an outbox", () => {
  it("sends what was enqueued, and records an outcome for each recipient", async () => {
    const transport = scriptedTransport({ b: ["not-registered"] });
    await using outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport });
    const { id, created } = await outbox.enqueue({ target: { tokens: ["a", "b", "", "c"] }, data: { x: "1" } });
    expect(created).toBe(true);
    await outbox.work({ untilIdle: true, batchSize: 1000 });
    const results = await all(outbox);
    expect(results.map(({ position, outcome }) => [position, outcome.recipient, outcome.kind]).sort()).toEqual([
      [0, "a", "accepted"],
      [1, "b", "unregistered"],
      [2, "", "rejected"],
      [3, "c", "accepted"],
    ]);
    expect(await outbox.progress(id)).toMatchObject({
      state: "finished",
      recipients: 4,
      pending: 0,
      kinds: { accepted: 2, unregistered: 1, rejected: 1 },
    });
  });

  it("works not at all with a signal that has aborted, and leaves no timer", async () => {
    const clock = createManualClock();
    const transport = scriptedTransport({}, { clock });
    await using outbox = createOutbox({ engine: createMemoryOutboxEngine({ clock }), transport, clock });
    await outbox.enqueue({ target: { token: "a" } });
    await outbox.work({ signal: AbortSignal.abort() });
    expect(transport.attempts).toEqual([]);
    expect(clock.scheduled).toBe(0);
  });

  it("stores a campaign in chunks, and the second call with its key stores nothing", async () => {
    const transport = scriptedTransport({});
    await using outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport });
    const tokens = Array.from({ length: 2500 }, (_, i) => `token-${i}`);
    const first = await outbox.enqueueAll({ data: { x: "1" } }, tokens, { key: "k" });
    const second = await outbox.enqueueAll({ data: { x: "1" } }, tokens, { key: "k" });
    expect(second).toEqual({ id: first.id, created: false });
    await outbox.work({ untilIdle: true, batchSize: 400 });
    expect(await outbox.progress({ key: "k" })).toMatchObject({ recipients: 2500, kinds: { accepted: 2500 } });
    expect(new Set(transport.attempts.flatMap(({ recipients }) => recipients)).size).toBe(2500);
    expect(transport.attempts.flatMap(({ recipients }) => recipients).length).toBe(2500);
  });

  it("names an ID that is none, and asks no storage for it", async () => {
    await using outbox = createOutbox({ engine: createMemoryOutboxEngine() });
    const wrong = [undefined, null, 5, "", { id: "x" }, {}] as never[];
    for (const id of wrong) {
      await expect(outbox.progress(id)).rejects.toThrow(
        /by: must be the ID of a message or campaign, or \{ key: "…" \}, not/,
      );
      const words = /id: must be the ID of a message or campaign, not/;
      await expect(outbox.cancel(id)).rejects.toThrow(words);
      await expect(outbox.pause(id)).rejects.toThrow(words);
      await expect(outbox.resume(id)).rejects.toThrow(words);
      await expect(outbox.setRate(id, null)).rejects.toThrow(words);
      await expect(outbox.replay(id)).rejects.toThrow(words);
    }
    expect(await outbox.progress("unknown")).toBeUndefined();
  });

  it("tries a retryable recipient again when its wait is over", async () => {
    const clock = createManualClock();
    const transport = scriptedTransport({ a: ["unavailable", "ok"] }, { clock });
    await using outbox = createOutbox({
      engine: createMemoryOutboxEngine({ clock }),
      transport,
      clock,
      random: () => 0,
    });
    await outbox.enqueue({ target: { token: "a" } });
    const done = outbox.work({ untilIdle: true });
    for (let i = 0; i < 20; i++) {
      await new Promise((r) => setImmediate(r));
      await clock.advance(500);
    }
    await done;
    const [result] = await all(outbox);
    expect(result?.outcome).toMatchObject({ kind: "accepted", attempts: 2 });
  });
});
