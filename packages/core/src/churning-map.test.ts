import fc from "fast-check";
import { expect, it } from "vitest";
import { ChurningMap } from "./churning-map.ts";

const step = fc.record({ do: fc.constantFrom("set", "set", "delete", "delete", "clear"), key: fc.nat(200) });

it("holds the entries of a Map, in the same order, through any number of insertions and deletions", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 500, maxLength: 2_000 }), fc.nat(20), (steps, clears) => {
      const answersOf = (map: ChurningMap<number, number> | Map<number, number>) => {
        let left = clears;
        return steps.map(({ do: what, key }, n) => {
          let wasThere: boolean | undefined;
          if (what === "set") map.set(key, n);
          else if (what === "delete") wasThere = map.delete(key);
          else if (left-- > 0) map.clear();
          return [wasThere, map.size, map.has(key), map.get(key)];
        });
      };
      const churning = new ChurningMap<number, number>();
      const plain = new Map<number, number>();
      expect(answersOf(churning)).toEqual(answersOf(plain));
      expect([...churning.entries()]).toEqual([...plain]);
      expect([...churning.keys()]).toEqual([...plain.keys()]);
      expect([...churning.values()]).toEqual([...plain.values()]);
    }),
    { numRuns: 10 },
  );
});

it("is copied into a new Map once more entries were deleted than are left", () => {
  const map = new ChurningMap<number, string>();
  for (let key = 0; key < 200; key++) map.set(key, `v${key}`);
  const before = map.keys();
  for (let key = 0; key < 101; key++) map.delete(key);
  for (let key = 101; key < 150; key++) map.delete(key);
  // a loop begun before the copy goes over the old Map, which has what was deleted since
  expect(before.next().value).toBe(101);
  expect([...map.keys()][0]).toBe(150);
});
