import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Waiting, WaitingLine } from "./waiting-line.ts";

interface Item extends Waiting<Item> {}

const item = (sequence: number): Item => ({ sequence, waiting: false, previous: undefined, next: undefined });
const order = (line: WaitingLine<Item>): number[] => {
  const found: number[] = [];
  for (let at = line.first; at !== undefined; at = at.next) found.push(at.sequence);
  return found;
};

describe("the waiting line", () => {
  it("is ordered by sequence number after any additions and removals, and counts its items", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 80 }), (toggles) => {
        const line = new WaitingLine<Item>();
        const items = Array.from({ length: 31 }, (_, sequence) => item(sequence));
        const expected = new Set<number>();
        for (const index of toggles) {
          const chosen = items[index] as Item;
          if (expected.delete(index)) line.remove(chosen);
          else {
            expected.add(index);
            line.add(chosen);
          }
          expect(order(line)).toEqual([...expected].sort((a, b) => a - b));
          expect(line.size).toBe(expected.size);
        }
      }),
    );
  });

  it("ignores an item that is added twice or removed without being in it", () => {
    const line = new WaitingLine<Item>();
    const one = item(1);
    line.remove(one);
    line.add(one);
    line.add(one);
    expect(line.size).toBe(1);
  });
});
