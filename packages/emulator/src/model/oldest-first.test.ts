import { describe, expect, it } from "vitest";
import { OldestFirst } from "./oldest-first.ts";

describe("the oldest first", () => {
  it("is found while the map goes on changing, whatever is deleted elsewhere in it", () => {
    const map = new Map<number, string>();
    const oldest = new OldestFirst(map);
    expect(oldest.next()).toBeUndefined();
    for (const key of [3, 4, 5, 9]) map.set(key, "");
    expect([oldest.next(), oldest.next()]).toEqual([3, 3]);
    map.delete(4);
    map.delete(3);
    expect(oldest.next()).toBe(5);
    map.clear();
    expect(oldest.next()).toBeUndefined();
    map.set(10, "");
    expect(oldest.next()).toBe(10);
    map.clear();
    map.set(1, "");
    oldest.startAt(0);
    expect(oldest.next()).toBe(1);
  });
});
