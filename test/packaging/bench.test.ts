import fc from "fast-check";
import { describe, expect, it } from "vitest";

const { LIMIT, median, medianBounds, verdict } = (await import(
  new URL("../../bench/lib/statistics.mjs", import.meta.url).href
)) as {
  readonly LIMIT: number;
  median(values: readonly number[]): number;
  medianBounds(values: readonly number[]): { readonly lower: number; readonly upper: number };
  verdict(bounds: { readonly lower: number; readonly upper: number }): string;
};
const { jsonLine } = (await import(new URL("../../bench/lib/report.mjs", import.meta.url).href)) as {
  jsonLine(result: unknown): string;
};
const { openLoop } = (await import(new URL("../../bench/lib/open-loop.mjs", import.meta.url).href)) as {
  openLoop(
    sendOne: () => Promise<number>,
    load: { readonly perSecond: number; readonly seconds: number },
  ): Promise<{
    readonly p50: number;
    readonly p99: number;
    readonly longestPauseMs: number;
    readonly sentPart: number;
    readonly failed: number;
  }>;
};
const { peers } = (await import(new URL("../../bench/lib/peers.mjs", import.meta.url).href)) as {
  peers(contestants: object): { readonly contestants: object; readonly missing: readonly string[] };
};

describe("the bounds of a median", () => {
  // the ranks of the tables for the sign test
  it.each([
    [6, 1],
    [10, 2],
    [20, 6],
    [30, 10],
    [50, 18],
  ])("of %i values are the %ith from either end", (count, rank) => {
    const values = Array.from({ length: count }, (_, index) => index + 1);
    expect(medianBounds([...values].reverse())).toEqual({ lower: rank, upper: count + 1 - rank });
  });

  it("need at least six values", () => {
    expect(() => medianBounds([1, 1, 1, 1, 1])).toThrow(/at least 6/);
  });

  it("have the median between them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 6, maxLength: 60 }),
        (values) => {
          const { lower, upper } = medianBounds(values);
          expect(lower).toBeLessThanOrEqual(median(values));
          expect(upper).toBeGreaterThanOrEqual(median(values));
        },
      ),
    );
  });
});

it.each([
  ["no dearer", LIMIT - 0.1, LIMIT],
  ["too noisy to tell", LIMIT, LIMIT + 0.01],
  ["too noisy to tell", 0.9, 1.2],
  ["dearer", LIMIT + 0.01, LIMIT + 0.1],
])("the verdict is '%s' for bounds of %f and %f", (word, lower, upper) => {
  expect(verdict({ lower, upper })).toBe(word);
});

describe("a benchmark case", () => {
  const contestant = (name: string, us: number) => ({ name, cpuUs: [us], perSecond: [1_000 / us], rssMb: 1 });
  const line = (target: object, ...contestants: object[]) =>
    JSON.parse(
      jsonLine({ definition: { name: "c", unit: "message", missing: ["a-peer"], target }, contestants }),
    ) as unknown;

  it("without its peer is not compared, unless it misses the floor", () => {
    const target = { floor: 1.25, peer: 2 };
    expect(line(target, contestant("floor", 10), contestant("ours", 11))).toMatchObject({
      met: null,
      not_compared: ["a-peer"],
    });
    expect(line(target, contestant("floor", 10), contestant("ours", 20))).toMatchObject({ met: false });
    expect(line(target, contestant("floor", 10), contestant("ours", 11), contestant("a-peer", 33))).toMatchObject({
      met: true,
    });
    expect(line(target, contestant("floor", 10), contestant("ours", 11), contestant("a-peer", 12))).toMatchObject({
      met: false,
    });
  });

  it("leaves a peer out that is not installed, and names it", () => {
    const run = () => {};
    expect(peers({ "no-such-package-anywhere": run, undici: run })).toEqual({
      contestants: { undici: run },
      missing: ["no-such-package-anywhere"],
    });
  });
});

describe("an open loop", () => {
  it("counts a pause for every message that it delays", async () => {
    let sent = 0;
    const measured = await openLoop(
      () => {
        const until = performance.now() + (++sent === 50 ? 100 : 0);
        while (performance.now() < until);
        return Promise.resolve(1);
      },
      { perSecond: 500, seconds: 1 },
    );
    expect(measured.longestPauseMs).toBeGreaterThanOrEqual(100);
    // 50 messages were due during the pause: a tenth of all, the first of which waited for all of it
    expect(measured.p99).toBeGreaterThan(80);
    expect(measured.failed).toBe(0);
  });

  it("counts messages that were not accepted or failed", async () => {
    const answers = [() => Promise.resolve(0), () => Promise.reject(new Error("lost")), () => Promise.resolve(1)];
    let sent = 0;
    const { failed } = await openLoop(() => (answers[sent++] ?? (() => Promise.resolve(1)))(), {
      perSecond: 100,
      seconds: 0.1,
    });
    expect(failed).toBe(2);
  });

  it("ends for a contestant that does not keep up, and tells the part that was sent", async () => {
    const slow = () => new Promise<number>((resolve) => setTimeout(resolve, 600, 1));
    const { sentPart } = await openLoop(slow, { perSecond: 10_000, seconds: 0.2 });
    expect(sentPart).toBeLessThan(1);
    expect(sentPart).toBeGreaterThan(0);
  });
});
