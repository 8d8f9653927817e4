import fc from "fast-check";
import { expect, it } from "vitest";
import { ChurningSet } from "./churning-set.ts";

it("holds what a Set holds, in the same order, however much comes and goes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(200)), { minLength: 500, maxLength: 2_000 }), (steps) => {
      const churning = new ChurningSet<number>();
      const plain = new Set<number>();
      const answers = (set: ChurningSet<number> | Set<number>) =>
        steps.map(([isAdded, member]) => {
          const wasDeleted = isAdded ? undefined : set.delete(member);
          if (isAdded) set.add(member);
          return [wasDeleted, set.has(member), set.size];
        });
      expect(answers(churning)).toEqual(answers(plain));
      expect([...churning]).toEqual([...plain]);
    }),
    { numRuns: 10 },
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
