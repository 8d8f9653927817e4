import { describe, expect, it } from "vitest";
import type { RegistrationToken } from "../message/token.ts";
import { createManualClock } from "../time/clock.ts";
import { createMemoryRegistrationStore } from "./memory-registration-store.ts";
import type { RegistrationChange, Revision } from "./registration.ts";

const token = (text: string) => text as RegistrationToken;
const [A, B, C] = [token("A"), token("B"), token("C")] as const;

function setup() {
  const clock = createManualClock(1_000);
  const store = createMemoryRegistrationStore({ clock });
  const changes: RegistrationChange[] = [];
  store.onChange((change) => changes.push(change));
  const tokensOf = (user: string) => store.registrationsOf(user).map((r) => r.token as string);
  const revisionOf = (each: RegistrationToken): Revision => store.resolve([each]).states[0]?.revision ?? null;
  const replace = (from: RegistrationToken, to: RegistrationToken) =>
    store.apply([{ type: "replaced", token: from, revision: revisionOf(from), canonicalRegistrationId: to }]);
  const remove = (each: RegistrationToken) =>
    store.apply([{ type: "removed", token: each, revision: revisionOf(each), reason: "not-registered" }]);
  return { clock, store, changes, tokensOf, revisionOf, replace, remove };
}

describe("the memory store", () => {
  it("answers with the given array where nothing was superseded", () => {
    const { store, replace } = setup();
    const given = [A, B];
    expect(store.resolve(given).tokens).toBe(given);
    replace(A, C);
    expect(store.resolve(given).tokens).toEqual([C, B]);
  });

  it("remembers rewrites of tokens that are not stored, within a bound", () => {
    const store = createMemoryRegistrationStore({ maxRewrites: 2 });
    for (const n of [1, 2, 3]) {
      const canonicalRegistrationId = token(`b${n}`);
      store.apply([{ type: "replaced", token: token(`a${n}`), revision: null, canonicalRegistrationId }]);
    }
    expect(store.resolve([token("a1"), token("a2"), token("a3")]).tokens).toEqual(["a1", "b2", "b3"]);
  });

  it("is bounded, and refuses what is malformed", () => {
    const store = createMemoryRegistrationStore({ maxRegistrations: 1 });
    store.register("u", "A");
    store.register("u", "A");
    store.register("v", "A");
    expect(() => store.register("u", "A", { owner: "shared" })).toThrow(/maxRegistrations/);
    expect(() => store.register("u", "B")).toThrow(/maxRegistrations/);
    expect(() => store.register("u", "with space")).toThrow(/token: holds white space/);
    expect(() => store.register("", "A")).toThrow(/userId/);
    expect(store.size).toBe(1);
    for (const option of ["maxRegistrations", "maxRewrites", "maxChanges"]) {
      expect(() => createMemoryRegistrationStore({ [option]: 0 })).toThrow(option);
    }
  });

  it("forgets which tokens led to one that is found dead, also by way of another", () => {
    const { store, replace, remove } = setup();
    store.register("u", "A");
    replace(A, B);
    replace(B, C);
    expect(store.resolve([A, B]).tokens).toEqual(["C", "C"]);
    remove(C);
    expect(store.resolve([A, B]).tokens).toEqual(["A", "B"]);
  });
});

describe("the listeners of a memory store", () => {
  it("are told in order, even when one of them makes another change", () => {
    const { store, remove, replace } = setup();
    store.onChange((change) => {
      if (change.type === "replaced") remove(B);
    });
    const seen: string[] = [];
    store.onChange((change) => seen.push(`${change.cursor} ${change.type}`));
    store.register("u", "A");
    replace(A, B);
    expect(seen).toEqual(["1 replaced", "2 removed"]);
  });

  it("see the state after the whole call", () => {
    const { store, tokensOf } = setup();
    const seen: string[][] = [];
    store.onChange(() => seen.push([...tokensOf("ada"), "|", ...tokensOf("grace")]));
    store.register("ada", "A");
    store.register("grace", "A");
    expect(seen).toEqual([["|", "A"]]);
  });

  it("are told when one of them throws", () => {
    const { store, changes } = setup();
    store.onChange(() => {
      throw new Error("broken listener");
    });
    const seen: string[] = [];
    store.onChange(({ type }) => seen.push(type));
    store.register("ada", "A");
    store.register("grace", "A");
    expect(seen).toEqual(["moved"]);
    expect(changes).toHaveLength(1);
  });
});

describe("the change feed of a memory store", () => {
  it("keeps a bounded number of changes and says when those asked for are gone", () => {
    const store = createMemoryRegistrationStore({ maxChanges: 2 });
    const { cursor } = store.changes({ from: "newest", limit: 10 });
    for (let n = 0; n < 6; n++) store.register(`user-${n}`, "A");
    expect(() => store.changes({ from: cursor, limit: 10 })).toThrow(
      expect.objectContaining({ code: "ERR_CHANGES_LOST" }) as Error,
    );
    const kept = store.changes({ from: "oldest", limit: 10 });
    expect(kept.changes.map(({ userIds }) => userIds)).toEqual([["user-4"], ["user-5"]].slice(-kept.changes.length));
    expect(store.changes({ from: kept.cursor, limit: 10 })).toEqual({ changes: [], cursor: kept.cursor });
    for (const from of ["", "x", "-1", "99"]) expect(() => store.changes({ from, limit: 1 })).toThrow(/from/);
  });
});
