import fc from "fast-check";
import { expect, it } from "vitest";
import { ChurningMap } from "./churning-map.ts";

const step = fc.record({ do: fc.constantFrom("set", "set", "delete", "delete", "clear"), key: fc.nat(200) });

it("holds the entries of a Map, in the same order, through any number of insertions and deletions", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 500, maxLength: 2_000 }), fc.nat(20), (steps, clears) => {
      const churning = new ChurningMap<number, number>();
      const plain = new Map<number, number>();
      let left = clears;
      for (const [n, { do: what, key }] of steps.entries()) {
        if (what === "set") {
          churning.set(key, n);
          plain.set(key, n);
        } else if (what === "delete") expect(churning.delete(key)).toBe(plain.delete(key));
        else if (left-- > 0) {
          churning.clear();
          plain.clear();
        }
        expect([churning.size, churning.has(key), churning.get(key)]).toEqual([
          plain.size,
          plain.has(key),
          plain.get(key),
        ]);
      }
      expect([...churning.entries()]).toEqual([...plain]);
      expect([...churning.keys()]).toEqual([...plain.keys()]);
      expect([...churning.values()]).toEqual([...plain.values()]);
    }),
    { numRuns: 30 },
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
