import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_COLLAPSE_KEYS, MessageStorage } from "./storage.ts";

describe("storage, whatever is stored and taken", () => {
  const step = fc.oneof(
    fc.record({ store: fc.option(fc.constantFrom("a", "b", "c", "d", "e", "f"), { nil: undefined }) }),
    fc.constant("take"),
  );

  it("accounts for every message once, keeps to its limits, and keeps the newest of each collapse key", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 10 }), (steps, limit) => {
        const storage = new MessageStorage<number>("oldest", () => 0, limit);
        const fates = new Map<number, string>();
        const newest = new Map<string, number>();
        let next = 0;
        for (const action of steps) {
          if (typeof action === "string") {
            for (const { message } of storage.take()) {
              expect(fates.has(message)).toBe(false);
              fates.set(message, "delivered");
            }
            expect(storage.size).toBe(0);
            newest.clear();
            continue;
          }
          const message = next++;
          const { collapsed, evicted, discarded } = storage.add({
            message,
            collapseKey: action.store,
            waitingFor: "connection",
          });
          for (const [gone, fate] of [
            [collapsed, "collapsed"],
            [evicted, "evicted"],
          ] as const) {
            if (gone === undefined) continue;
            expect(fates.has(gone.message)).toBe(false);
            fates.set(gone.message, fate);
          }
          for (const gone of discarded ?? []) fates.set(gone.message, "discarded");
          if (action.store !== undefined) newest.set(action.store, message);
          const stored = [...storage];
          const keys = stored.flatMap(({ collapseKey }) => (collapseKey === undefined ? [] : [collapseKey]));
          expect(new Set(keys).size).toBe(keys.length);
          expect(keys.length).toBeLessThanOrEqual(MAX_COLLAPSE_KEYS);
          expect(stored.length - keys.length).toBeLessThanOrEqual(limit);
          for (const { message: kept, collapseKey } of stored) {
            if (collapseKey !== undefined) expect(newest.get(collapseKey)).toBe(kept);
          }
        }
        expect(fates.size + storage.size).toBe(next);
        const discardedCount = [...fates.values()].filter((fate) => fate === "discarded").length;
        expect(storage.deleted).toBe(discardedCount);
      }),
    );
  });
});
