import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RegistrationToken } from "../message/token.ts";
import { createManualClock } from "../time/clock.ts";
import { createMemoryRegistrationStore } from "./memory-registration-store.ts";
import type { RegistrationChange } from "./registration-store.ts";

const token = (text: string) => text as RegistrationToken;
const [A, B, C] = [token("A"), token("B"), token("C")] as const;

function setup() {
  const clock = createManualClock(1_000);
  const store = createMemoryRegistrationStore({ clock });
  const changes: RegistrationChange[] = [];
  store.onChange((change) => changes.push(change));
  const tokensOf = (user: string) => store.registrationsOf(user).map((r) => r.token as string);
  return { clock, store, changes, tokensOf };
}

describe("canonical rewrites", () => {
  it("replace the token for every user who has it", () => {
    const { store, tokensOf, changes } = setup();
    store.register("u", "A");
    store.register("v", "A");
    store.replace(A, B, 2_000);
    expect([tokensOf("u"), tokensOf("v")]).toEqual([["B"], ["B"]]);
    expect(store.resolve([A, B, C])).toEqual(["B", "B", "C"]);
    expect(changes).toMatchObject([
      { type: "replaced", token: "A", canonicalRegistrationId: "B", userIds: ["u", "v"] },
    ]);
  });

  it("merge with a token that the user has already", () => {
    const { store, tokensOf } = setup();
    store.register("u", "A");
    store.register("u", "B");
    store.replace(A, B, 2_000);
    expect(tokensOf("u")).toEqual(["B"]);
    expect(store.size).toBe(1);
  });

  it("form chains that resolve to their end", () => {
    const { store, tokensOf } = setup();
    store.register("u", "A");
    store.replace(A, B, 2_000);
    store.replace(B, C, 3_000);
    expect(store.resolve([A])).toEqual(["C"]);
    expect(tokensOf("u")).toEqual(["C"]);
  });

  it("form chains in either order of arrival", () => {
    const { store, tokensOf } = setup();
    store.register("u", "A");
    store.replace(B, C, 3_000);
    store.replace(A, B, 2_000);
    expect(store.resolve([A])).toEqual(["C"]);
    expect(tokensOf("u")).toEqual(["C"]);
  });

  it("form chains that one request brought, in either order", () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const { store, tokensOf } = setup();
      store.register("u", "A");
      store.register("u", "B");
      for (const n of order) n === 1 ? store.replace(A, B, 2_000) : store.replace(B, C, 2_000);
      expect(store.resolve([A, B, C])).toEqual(["C", "C", "C"]);
      expect(tokensOf("u")).toEqual(["C"]);
    }
  });

  it("that one request brought in a circle rewrite nobody, and what leads there ends where it arrives", () => {
    const { store } = setup();
    store.replace(C, A, 2_000);
    store.replace(A, B, 2_000);
    store.replace(B, A, 2_000);
    expect(store.resolve([A, B, C])).toEqual(["A", "B", "A"]);
  });

  it("that contradict each other end with the newer, in either order of arrival", () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const { store, tokensOf } = setup();
      store.register("u", "A");
      for (const n of order) n === 1 ? store.replace(A, B, 2_000) : store.replace(B, A, 3_000);
      expect(store.resolve([A, B])).toEqual(["A", "A"]);
      expect(tokensOf("u")).toEqual(["A"]);
    }
  });

  it("are told once when two sends in flight learn the same", () => {
    const { store, changes } = setup();
    store.register("u", "A");
    store.replace(A, B, 2_000);
    store.replace(A, B, 2_001);
    expect(changes).toHaveLength(1);
  });

  it("are remembered for tokens that are not stored, within a bound", () => {
    const store = createMemoryRegistrationStore({ maxRewrites: 2 });
    store.replace(token("a1"), token("b1"), 1);
    store.replace(token("a2"), token("b2"), 1);
    store.replace(token("a3"), token("b3"), 1);
    expect(store.resolve([token("a1"), token("a2"), token("a3")])).toEqual(["a1", "b2", "b3"]);
  });

  it("are undone when the app itself reports the token again", () => {
    const { store, clock } = setup();
    store.replace(A, B, clock.now());
    store.register("u", "A");
    expect(store.resolve([A])).toEqual(["A"]);
  });

  it("never lead in a circle, whatever comes in whatever order", () => {
    const name = fc.constantFrom("A", "B", "C", "D").map(token);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name, fc.nat(5))), (steps) => {
        const { store } = setup();
        for (const [from, to, at] of steps) store.replace(from, to, at);
        for (const t of ["A", "B", "C", "D"].map(token)) {
          const [end] = store.resolve([t]);
          expect(store.resolve([end as RegistrationToken])).toEqual([end]);
        }
      }),
    );
  });
});

describe("answers that arrive late", () => {
  it("do not undo what a newer attempt learned of the same token", () => {
    const { store, tokensOf } = setup();
    store.register("u", "A");
    store.replace(A, C, 3_000);
    store.replace(A, B, 2_000);
    expect(store.resolve([A])).toEqual(["C"]);
    expect(tokensOf("u")).toEqual(["C"]);
  });

  it("do not bring back a token that has died since", () => {
    const { store, tokensOf } = setup();
    store.register("u", "A");
    store.remove(B, "not-registered", 3_000);
    store.replace(A, B, 2_000);
    expect(tokensOf("u")).toEqual(["A"]);
    expect(store.resolve([A])).toEqual(["A"]);
  });

  it("leave nobody on a rewrite whose end has died", () => {
    const { store } = setup();
    store.replace(A, B, 2_000);
    store.remove(B, "not-registered", 3_000);
    expect(store.resolve([A])).toEqual(["A"]);
  });

  it("give the same rewrites in whatever order they come", () => {
    const name = fc.constantFrom("A", "B", "C", "D").map(token);
    const fact = fc.tuple(name, name, fc.boolean());
    fc.assert(
      fc.property(
        fc
          .array(fact, { maxLength: 6 })
          .chain((facts) =>
            fc.tuple(fc.constant(facts), fc.shuffledSubarray([...facts.keys()], { minLength: facts.length })),
          ),
        ([facts, order]) => {
          const resolved = [[...facts.keys()], order].map((indices) => {
            const { store } = setup();
            for (const index of indices) {
              const [from, to, dies] = facts[index] as (typeof facts)[number];
              // each fact has its own time: its place in the list, not its place in the order of arrival
              if (dies) store.remove(from, "not-registered", 2_000 + index);
              else store.replace(from, to, 2_000 + index);
            }
            return store.resolve(["A", "B", "C", "D"].map(token));
          });
          expect(resolved[1]).toEqual(resolved[0]);
        },
      ),
    );
  });
});

describe("changes", () => {
  it("come in order and numbered, even when a listener makes another change", () => {
    const { store } = setup();
    store.onChange((change) => {
      if (change.type === "replaced") store.remove(B, "by-caller");
    });
    const seen: string[] = [];
    store.onChange((change) => seen.push(`${change.sequence} ${change.type}`));
    store.register("u", "A");
    store.replace(A, B, 2_000);
    expect(seen).toEqual(["1 replaced", "2 removed"]);
  });

  it("reach the others when a listener throws", () => {
    const { store, changes } = setup();
    const failing = createMemoryRegistrationStore();
    const seen: string[] = [];
    failing.onChange(() => {
      throw new Error("broken listener");
    });
    failing.onChange(({ type }) => seen.push(type));
    failing.suspect(A, "mismatch-sender-id");
    expect(seen).toEqual(["suspect"]);
    store.suspect(A, "mismatch-sender-id");
    expect(changes).toHaveLength(1);
  });
});

describe("removals", () => {
  it("carry their reason", () => {
    const { store, changes, tokensOf } = setup();
    store.register("u", "A");
    store.remove(A, "not-registered", 2_000);
    expect(tokensOf("u")).toEqual([]);
    expect(changes).toMatchObject([
      { type: "removed", token: "A", reason: "not-registered", userIds: ["u"], sequence: 1 },
    ]);
  });

  it("that come late leave a token that was registered again since", async () => {
    const { store, clock, changes, tokensOf } = setup();
    store.register("u", "A");
    const sentAt = clock.now();
    await clock.advance(10);
    store.register("u", "A");
    store.remove(A, "not-registered", sentAt);
    store.replace(A, B, sentAt);
    expect(tokensOf("u")).toEqual(["A"]);
    expect(store.resolve([A])).toEqual(["A"]);
    expect(changes).toEqual([]);
  });

  it("of what is not stored change and say nothing", () => {
    const { store, changes } = setup();
    store.remove(A, "not-registered", 2_000);
    expect(changes).toEqual([]);
  });
});

describe("the store", () => {
  it("tells suspicions and removes nothing", () => {
    const { store, changes, tokensOf } = setup();
    store.register("u", "A");
    store.suspect(A, "mismatch-sender-id");
    expect(tokensOf("u")).toEqual(["A"]);
    expect(changes).toMatchObject([{ type: "suspect", reason: "mismatch-sender-id", userIds: ["u"] }]);
  });

  it("is bounded, and refuses what is malformed", () => {
    const store = createMemoryRegistrationStore({ maxRegistrations: 1 });
    store.register("u", "A");
    store.register("u", "A");
    expect(() => store.register("u", "B")).toThrow(/maxRegistrations/);
    expect(() => store.register("u", "with space")).toThrow(/token: holds white space/);
    expect(() => store.register("", "A")).toThrow(/userId/);
    expect(() => createMemoryRegistrationStore({ maxRewrites: 0 })).toThrow(/maxRewrites/);
  });

  it("lists a user's registrations by age, the oldest first", async () => {
    const { store, clock, tokensOf } = setup();
    for (const each of ["A", "B", "A"]) {
      store.register("u", each);
      await clock.advance(1);
    }
    expect(tokensOf("u")).toEqual(["B", "A"]);
  });

  it("keeps users of one token apart", () => {
    const { store, tokensOf } = setup();
    store.register("u", "A");
    store.register("v", "A");
    store.register("v", "C");
    store.remove(A, "by-caller");
    expect([tokensOf("u"), tokensOf("v")]).toEqual([[], ["C"]]);
    expect(store.size).toBe(1);
  });
});
