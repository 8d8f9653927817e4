import { describe, expect, it } from "vitest";
import { RecentMap } from "./recent-map.ts";

describe("the recent map", () => {
  it("keeps at least the last so many, and never more than twice as many", () => {
    const map = new RecentMap<string, number>(10);
    for (let i = 0; i < 1_000; i++) {
      map.set(`k${i}`, i);
      for (let back = 0; back < Math.min(10, i + 1); back++) expect(map.get(`k${i - back}`)).toBe(i - back);
      expect(map.get(`k${i - 20}`)).toBeUndefined();
    }
  });

  it("forgets a deleted key in whichever generation it is, and takes the newest value", () => {
    const map = new RecentMap<string, number>(1);
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    expect(map.get("a")).toBe(3);
    map.delete("a");
    expect(map.get("a")).toBeUndefined();
  });
});
