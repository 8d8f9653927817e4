import { describe, expect, it } from "vitest";
import { mapBatches } from "./batches.ts";

describe("batches", () => {
  it.each([
    [0, 3, 2],
    [1, 3, 2],
    [3, 3, 2],
    [10, 3, 2],
    [10, 1, 4],
    [10, 100, 4],
  ])(
    "of %i items, %i at a time and %i batches at once, end with each result in its place",
    async (count, size, parallel) => {
      const items = Array.from({ length: count }, (_, n) => n);
      let underWay = 0;
      let most = 0;
      const sizes: number[] = [];
      const results = await mapBatches(items, size, parallel, async (batch) => {
        sizes.push(batch.length);
        most = Math.max(most, ++underWay);
        // the earlier, the later it ends
        for (let turns = count - (batch[0] ?? 0); turns > 0; turns--) await Promise.resolve();
        underWay--;
        return batch.map((n) => `r${n}`);
      });
      expect(results).toEqual(items.map((n) => `r${n}`));
      expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(size);
      expect(most).toBeLessThanOrEqual(parallel);
    },
  );
});
