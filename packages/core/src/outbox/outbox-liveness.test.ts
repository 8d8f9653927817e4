import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { recipientsOf } from "../message/target.ts";
import { ambiguousOutcome, failureOutcome, type RecipientOutcome } from "../outcome/outcome.ts";
import { POLICY } from "../scripted-transport.test-support.ts";
import type { DownstreamTransport } from "../sending/downstream-transport.ts";
import { type Clock, createManualClock } from "../time/clock.ts";
import { createOutbox } from "./create-outbox.ts";
import type { ChunkUpdate, OutboxEngine } from "./engine.ts";
import { createMemoryOutboxEngine } from "./memory-engine.ts";
import { all, pass, setUp } from "./outbox.test-support.ts";
import type { Outbox } from "./outbox.ts";

describe("a chunk that a worker gives back", () => {
  it("is handed out again when a retry falls due before its last write is made", async () => {
    const { clock, engine } = setUp();
    // the writes of the worker wait while this is set
    let held: Promise<void> | undefined;
    const own = new Proxy(engine, {
      get(target, name) {
        const member = Reflect.get(target, name);
        if (name !== "write") return typeof member === "function" ? member.bind(target) : member;
        return async (updates: readonly ChunkUpdate[]) => {
          await held;
          return target.write(updates);
        };
      },
    });
    let answer: (outcome: RecipientOutcome) => void = () => {};
    const transport: DownstreamTransport = {
      name: "scripted",
      retryPolicy: POLICY,
      async send(message) {
        const [recipient] = recipientsOf(message.target) as [string];
        if (recipient === "other") return { outcomes: [{ kind: "accepted", recipient, attempts: 1 }] };
        return { outcomes: [await new Promise<RecipientOutcome>((resolve) => (answer = resolve))] };
      },
      async close() {},
      async [Symbol.asyncDispose]() {},
    };
    const outbox = createOutbox({
      engine: own,
      transport,
      clock,
      random: () => 0,
      retry: { minMs: 300, initialMs: 300, maxMs: 300 },
    });
    await outbox.enqueue({ target: { token: "a" } });
    const done = outbox.work({ untilIdle: true, concurrency: 2, batchSize: 1, pollMs: 100 });
    await pass(clock, 100, 50);
    let release: () => void = () => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    // the mark of this one occupies the writer
    await outbox.enqueue({ target: { token: "other" } });
    await pass(clock, 100, 50);
    answer(failureOutcome("unavailable", { recipient: "a" }));
    await pass(clock, 1_000, 50);
    held = undefined;
    release();
    await pass(clock, 2_000, 50);
    answer({ kind: "accepted", recipient: "a", attempts: 1 });
    await pass(clock, 2_000, 50);
    expect(await outbox.backlog()).toMatchObject({ recipients: 0 });
    await done;
    expect((await all(outbox)).map(({ outcome }) => outcome.recipient).sort()).toEqual(["a", "other"]);
  });
});

describe("a chunk that a worker cannot go on with", () => {
  it("is in doubt after outcomes that break the contract of transports, and is sent once more", async () => {
    const { clock, open } = setUp();
    let sent = 0;
    const { outbox } = open({
      async send(message) {
        const [recipient] = recipientsOf(message.target) as [string];
        const broken = { kind: "retryable", recipient, code: "no-such-code" as "unavailable", attempts: 1 } as const;
        return {
          outcomes: [sent++ === 0 ? (broken as RecipientOutcome) : { kind: "accepted", recipient, attempts: 1 }],
        };
      },
    });
    await outbox.enqueue({ target: { token: "a" } });
    const done = outbox.work({ untilIdle: true, concurrency: 1 });
    await pass(clock, 10_000);
    await done;
    const [result] = await all(outbox);
    expect(result?.outcome).toMatchObject({ kind: "accepted", unansweredCopies: 1 });
  });

  it("does not hold up the writes of others when its outcomes cannot be encoded, and ends in doubt", async () => {
    const { clock, open } = setUp();
    const { outbox } = open({
      async send(message) {
        const [recipient] = recipientsOf(message.target) as [string];
        const outcome: RecipientOutcome = { kind: "accepted", recipient, attempts: 1 };
        return { outcomes: [recipient === "a" ? { ...outcome, messageId: 1n as never } : outcome] };
      },
    });
    for (const token of ["a", "b", "c"]) await outbox.enqueue({ target: { token } });
    const done = outbox.work({ untilIdle: true, leaseMs: 1_000 });
    await pass(clock, 120_000, 500);
    await done;
    const kinds = (await all(outbox)).map(({ outcome: { recipient, kind } }) => [recipient, kind]).sort();
    expect(kinds).toEqual([
      ["a", "ambiguous"],
      ["b", "accepted"],
      ["c", "accepted"],
    ]);
  });

  it("does not hold up those that were handed out with it, when its state cannot be read", async () => {
    const { clock, engine, open } = setUp();
    const damaging = new Proxy(engine, {
      get(target, name) {
        if (name !== "submit") return Reflect.get(target, name).bind?.(target);
        return ([submission]: Parameters<OutboxEngine["submit"]>[0]) => {
          const { chunks = [], ...rest } = submission ?? ({} as never);
          const state = Buffer.from("{");
          return target.submit([{ ...rest, chunks: chunks.map((chunk) => ({ ...chunk, state })) }]);
        };
      },
    });
    await createOutbox({ engine: damaging, clock }).enqueue({ target: { token: "damaged" } });
    const { outbox, transport } = open();
    await outbox.enqueue({ target: { token: "whole" } });
    void outbox.work();
    await pass(clock, 2_000);
    expect(transport.attempts.map(({ recipients }) => recipients)).toEqual([["whole"]]);
    expect((await outbox.backlog()).recipients).toBe(1);
    const closing = outbox.close();
    await pass(clock, 1_000);
    await closing;
  });
});

/** Numbers from 0 to 1 that a seed decides. */
function numbers(seed: number): () => number {
  let state = seed * 2_654_435_769;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Workers over one engine that answers late or fails, and workers that end in the middle; everything by one seed. */
function world(seed: number) {
  const random = numbers(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const clock = createManualClock();
  const engine = createMemoryOutboxEngine({ clock });
  /** Copies of each recipient that were accepted, or may have been. */
  const copies = new Map<string, number>();
  const released: number[] = [];
  const waitMs = seed % 2 === 0 ? 0 : 1_000;
  let calm = false;

  function start() {
    let dead = false;
    const own: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      schedule: (ms, run) => clock.schedule(ms, () => dead || run()),
    };
    const later = (): Promise<void> =>
      random() < 0.5 ? Promise.resolve() : new Promise((resolve) => void own.schedule(random() * 40, resolve));
    const remote = new Proxy(engine, {
      get(target, name) {
        const member = Reflect.get(target, name);
        if (typeof member !== "function" || name === "onWork" || name === "close")
          return member.bind?.(target) ?? member;
        return async (...values: unknown[]) => {
          await later();
          if (dead) return new Promise(() => {});
          const fails = !calm && random() < 0.05;
          // before it was done, or its answer is lost
          if (fails && random() < 0.5) throw new Error("no connection");
          if (name === "write")
            for (const { releaseAfterMs } of values[0] as ChunkUpdate[]) released.push(releaseAfterMs ?? 0);
          const answered = await member.apply(target, values);
          await later();
          if (dead) return new Promise(() => {});
          if (fails) throw new Error("no answer");
          return answered;
        };
      },
    }) as OutboxEngine;
    const transport: DownstreamTransport = {
      name: "scripted",
      retryPolicy: POLICY,
      async send(message, options) {
        const recipients = recipientsOf(message.target);
        for (const recipient of recipients) copies.set(recipient, (copies.get(recipient) ?? 0) + 1);
        await new Promise<void>((resolve) => {
          own.schedule(random() * 300, resolve);
          options?.signal?.addEventListener("abort", () => resolve());
        });
        const ended = options?.signal?.aborted === true;
        return { outcomes: recipients.map((recipient) => (ended ? inDoubt("aborted", recipient) : answer(recipient))) };
      },
      async close() {},
      async [Symbol.asyncDispose]() {},
    };
    const outbox = createOutbox({
      engine: remote,
      transport,
      clock: own,
      random,
      retry: { minMs: waitMs, initialMs: waitMs, maxMs: waitMs },
    });
    const done = outbox.work({ concurrency: 3, batchSize: 4, leaseMs: 3_000, pollMs: 100, closeTimeoutMs: 1_000 });
    return {
      done,
      outbox,
      crash() {
        dead = true;
      },
    };
  }

  function inDoubt(code: "aborted" | "connection-lost", recipient: string): RecipientOutcome {
    return ambiguousOutcome(code, { recipient });
  }

  function answer(recipient: string): RecipientOutcome {
    const drawn = calm ? 1 : random();
    if (drawn < 0.2) {
      // refused: no copy
      copies.set(recipient, (copies.get(recipient) ?? 0) - 1);
      return failureOutcome("unavailable", { recipient });
    }
    if (drawn < 0.25) return inDoubt("connection-lost", recipient);
    return { kind: "accepted", recipient, attempts: 1 };
  }

  return { clock, engine, copies, released, random, below, start, relax: () => (calm = true) };
}

/** Runs of the random test. 600 have passed. */
const SEEDS = 12;

async function turns(count: number): Promise<void> {
  for (let made = 0; made < count; made++) await turn();
}

describe("workers that end in the middle, over an engine that answers late or fails", () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))("settle every recipient once (seed %i)", async (seed) => {
    const { clock, engine, copies, released, random, below, start, relax } = world(seed);
    const outbox: Outbox = createOutbox({ engine, clock, random });
    const names: string[] = [];
    const ids: string[] = [];
    for (let campaign = 0; campaign < 3; campaign++) {
      const audience = Array.from({ length: 12 }, (_, n) => `${campaign}.${n}`);
      names.push(...audience);
      for (let from = 0; from < audience.length; from += 6) {
        const tokens = audience.slice(from, from + 6);
        ids.push((await outbox.enqueue({ target: { tokens } }, { lane: campaign === 0 ? "urgent" : "bulk" })).id);
      }
    }
    let workers = [start(), start()];
    const ended: Promise<void>[] = [];
    for (let step = 0; step < 60; step++) {
      await turns(3);
      await clock.advance(below(400));
      const at = below(workers.length);
      const id = ids[below(ids.length)] as string;
      const drawn = random();
      if (drawn < 0.12) {
        workers[at]?.crash();
        workers[at] = start();
      } else if (drawn < 0.2) {
        ended.push((workers[at] as (typeof workers)[0]).outbox.close());
        workers[at] = start();
      } else if (drawn < 0.3) await outbox.pause(id);
      else if (drawn < 0.4) await outbox.resume(id);
      else if (drawn < 0.42) void outbox.cancel(id).catch(() => {});
      else if (drawn < 0.46) await outbox.setRate(id, { perMinute: 60, rampMs: 0 });
    }
    relax();
    for (const id of ids) {
      await outbox.resume(id);
      await outbox.setRate(id, null);
    }
    for (let step = 0; step < 400 && (await outbox.backlog()).recipients > 0; step++) {
      await turns(3);
      await clock.advance(100);
    }
    expect(released.filter((ms) => !Number.isFinite(ms))).toEqual([]);
    expect(await outbox.backlog()).toMatchObject({ recipients: 0 });
    const closing = Promise.all([...workers.map((worker) => worker.outbox.close()), ...ended]);
    workers = [];
    for (let step = 0; step < 20; step++) {
      await turns(3);
      await clock.advance(200);
    }
    await closing;
    const results = await all(outbox);
    expect(results.map(({ outcome }) => outcome.recipient).sort()).toEqual([...names].sort());
    for (const { outcome } of results) {
      const sent = copies.get(outcome.recipient) ?? 0;
      const told = (outcome.unansweredCopies ?? 0) + (outcome.kind === "ambiguous" ? 1 : 0);
      expect(sent).toBeLessThanOrEqual(told + (outcome.kind === "accepted" ? 1 : 0));
      if (outcome.kind === "accepted") expect(sent).toBeGreaterThan(0);
    }
  });
});
