import fc from "fast-check";
import { expect, it } from "vitest";
import { ChurningSet } from "./churning-set.ts";

it("holds what a Set holds, in the same order, however much comes and goes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(200)), { minLength: 500, maxLength: 2_000 }), (steps) => {
      const churning = new ChurningSet<number>();
      const plain = new Set<number>();
      for (const [isAdded, member] of steps) {
        if (isAdded) {
          churning.add(member);
          plain.add(member);
        } else expect(churning.delete(member)).toBe(plain.delete(member));
        expect(churning.has(member)).toBe(plain.has(member));
        expect(churning.size).toBe(plain.size);
      }
      expect([...churning]).toEqual([...plain]);
    }),
    { numRuns: 30 },
  );
});

it("tells by delete() which members of a loop are still there", () => {
  const set = new ChurningSet<number>();
  for (let member = 0; member < 400; member++) set.add(member);
  const taken: number[] = [];
  for (const member of set) {
    if (!set.delete(member)) continue;
    taken.push(member);
    set.delete(member + 1); // somebody else's doing
  }
  expect(taken).toEqual(Array.from({ length: 200 }, (_, n) => 2 * n));
  expect(set.size).toBe(0);
});
