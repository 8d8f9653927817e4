import type { ClaimedChunk, NewChunk, NewSubmission, OutboxEngine } from "@cloud-messaging/core/transport";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytes, commands, S } from "./outbox-engine.commands.ts";
import { type EngineUnderTest, Run } from "./outbox-engine.run.ts";

export type { EngineUnderTest } from "./outbox-engine.run.ts";

/** Size of the suite's random part. */
export interface ContractOptions {
  /** @defaultValue 100 */
  readonly runs?: number;
  /** True if its backlog has `oldestDueMs`. @defaultValue true */
  readonly tellsAges?: boolean;
}

/** Conformance suite of outbox engines. */
export function outboxEngineContract(
  name: string,
  create: () => Promise<EngineUnderTest>,
  { runs = 100, tellsAges = true }: ContractOptions = {},
): void {
  describe(`outbox engine contract: ${name}`, () => {
    let under: EngineUnderTest;
    let engine: OutboxEngine;
    beforeEach(async () => {
      under = await create();
      engine = await under.open();
    });
    afterEach(async () => {
      await engine.close();
      await under.end();
    });

    const single = (id: string, more: Partial<NewSubmission> = {}): NewSubmission => ({
      id,
      lane: "fast",
      body: bytes("body"),
      chunks: [{ recipients: bytes("a"), size: 1, pending: 1 }],
      sealed: true,
      ...more,
    });
    const many = (count: number): NewChunk[] =>
      Array.from({ length: count }, (_, at) => ({ recipients: bytes(`r${at}`), size: 1, pending: 1 }));

    it("answers any interleaving of its operations, crashes and expired leases as the model does", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(commands, { minLength: 5, maxLength: 40 }), async (list) => {
          const fresh = await create();
          try {
            const opened = await fresh.open();
            const { now } = await opened.claim({ lanes: ["fast"], limit: 1, leaseMs: S });
            await new Run(fresh, opened, now).play(list);
          } finally {
            await fresh.end();
          }
        }),
        { numRuns: runs },
      );
    });

    it("stores a key once when it is submitted by many at once", async () => {
      const other = await under.open();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          (at % 2 ? engine : other).submit([single(`id-${at}`, { key: "order-1" })]),
        ),
      );
      expect(answers.flat().filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(answers.flat().map(({ id }) => id)).size).toBe(1);
      await other.close();
    });

    it("stores an addition once when two append after the same chunk at once", async () => {
      const other = await under.open();
      await engine.submit([single("campaign", { chunks: [], sealed: false })]);
      const answers = await Promise.all(
        [engine, other].map((one) => one.append({ submission: "campaign", after: 0, chunks: many(2), seal: false })),
      );
      expect(answers.filter(({ stored }) => stored)).toHaveLength(1);
      expect((await engine.find({ id: "campaign" }))?.chunks).toBe(2);
      await other.close();
    });

    it("hands a chunk to one worker only when many ask at once", async () => {
      const other = await under.open();
      await engine.submit([single("campaign", { chunks: many(30) })]);
      const claims = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          (at % 2 ? engine : other).claim({ lanes: ["fast"], limit: 3, leaseMs: 30 * S }),
        ),
      );
      const claimed = claims.flatMap(({ chunks }) => chunks.map(({ chunk }) => chunk));
      expect(new Set(claimed).size).toBe(claimed.length);
      expect(claimed).toHaveLength(30);
      await other.close();
    });

    it("hands out what is due earliest first", async () => {
      await engine.submit([single("first")]);
      await under.pass(10 * S);
      await engine.submit([single("second")]);
      const { chunks } = await engine.claim({ lanes: ["fast"], limit: 1, leaseMs: 30 * S });
      expect(chunks[0]?.submission.id).toBe("first");
      const { chunk, lease } = chunks[0] as ClaimedChunk;
      const update = { submission: "first", chunk, lease, revision: 1, state: bytes(""), pending: 1 };
      await engine.write([{ ...update, releaseAfterMs: 10 * S }]);
      await under.pass(20 * S);
      const again = await engine.claim({ lanes: ["fast"], limit: 2, leaseMs: 30 * S });
      // a retry stands behind fresh work
      expect(again.chunks.map(({ submission }) => submission.id)).toEqual(["second", "first"]);
    });

    if (tellsAges) {
      it("tells since when the earliest work of each lane has been due, leased, paused, later and paced work left out", async () => {
        const secondsOf = async (): Promise<Record<string, number>> =>
          Object.fromEntries(
            Object.entries((await engine.backlog()).oldestDueMs ?? { none: 0 }).map(([lane, ms]) => [
              lane,
              Math.floor(ms / S),
            ]),
          );
        expect(await secondsOf()).toEqual({});
        // a lane may have the name of what every object has
        await engine.submit([single("first"), single("slow", { lane: "constructor" })]);
        const paced = { pace: { perMinute: 1, rampMs: 0 }, chunks: many(2) };
        await engine.submit([single("paced", { lane: "paced", ...paced })]);
        await under.pass(10 * S);
        const { now } = await engine.claim({ lanes: ["none"], limit: 1, leaseMs: S });
        await engine.submit([single("second"), single("later", { lane: "later", sendAt: now + 40 * S })]);
        await under.pass(10 * S);
        expect(await secondsOf()).toEqual({ fast: 20, constructor: 20, paced: 20 });
        // of the paced one a second chunk is due and has to wait for its minute
        await engine.claim({ lanes: ["fast", "paced"], limit: 1, leaseMs: 30 * S });
        await engine.claim({ lanes: ["paced"], limit: 1, leaseMs: 300 * S });
        await engine.control("slow", { state: "paused" });
        expect(await secondsOf()).toEqual({ fast: 10 });
        // the lease of the first has run out, and no worker has asked since
        await under.pass(40 * S);
        await engine.control("slow", { state: "running" });
        expect(await secondsOf()).toEqual({ fast: 60, constructor: 60, later: 10 });
        await under.pass(30 * S);
        expect(await secondsOf()).toEqual({ fast: 90, constructor: 90, later: 40, paced: 10 });
      });
    }

    it("refuses a cursor of results that is none, by name", async () => {
      for (const after of ["x", "-1", "1.5", "1e3", "9".repeat(17), "1-1"]) {
        await expect(engine.results({ after, limit: 1 }), after).rejects.toMatchObject({
          code: "ERR_INVALID_OPTIONS",
          message: expect.stringMatching(/after: must be the cursor of a result/),
        });
      }
    });

    it("is not held up by a paused submission with many chunks", async () => {
      await engine.submit([single("paused", { chunks: many(200) })]);
      await engine.control("paused", { state: "paused" });
      await engine.submit([single("other")]);
      const { chunks } = await engine.claim({ lanes: ["fast"], limit: 5, leaseMs: 30 * S });
      expect(chunks.map(({ submission }) => submission.id)).toEqual(["other"]);
    });
  });
}
