import { describe, expect, it } from "vitest";
import { ChurningMap } from "./churning-map.ts";

describe("the churning map", () => {
  it("keeps insertion order through any number of deletions", () => {
    const map = new ChurningMap<number>();
    const expected = new Map<string, number>();
    for (let i = 0; i < 5_000; i++) {
      map.set(`k${i}`, i);
      expected.set(`k${i}`, i);
      if (i % 3 !== 0) {
        map.delete(`k${i - 40}`);
        expected.delete(`k${i - 40}`);
      }
      if (i % 97 === 0) expect([...map.entries()]).toEqual([...expected]);
    }
    expect(map.size).toBe(expected.size);
    expect([...map.values()]).toEqual([...expected.values()]);
    map.clear();
    expect([map.size, map.has("k0"), map.get("k0")]).toEqual([0, false, undefined]);
  });
});
