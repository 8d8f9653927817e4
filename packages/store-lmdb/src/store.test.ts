import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createManualClock,
  createMemoryRegistrationStore,
  followChanges,
  type ManualClock,
  type RegistrationToken,
} from "@cloud-messaging/core";
import type { RegistrationVerdict } from "@cloud-messaging/core/transport";
import { type LmdbFailure, openEnvironment } from "@cloud-messaging/lmdb";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LmdbStoreError } from "./errors.ts";
import { createLmdbRegistrationStore, type LmdbRegistrationStore } from "./store.ts";

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "registrations-"));
  folders.push(folder);
  return folder;
};
const stores: LmdbRegistrationStore[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const token = (text: string) => text as RegistrationToken;
const F = "cTEST0123456789abcdefg";
const TOKENS = ["A", "B", "C", F, `${F}:one`, `${F}:two`, `${"L".repeat(2_000)}1`, `${"L".repeat(2_000)}2`].map(token);

/** A store that is closed, and whose folder is removed, after the test. */
function openStore(path = newFolder(), more: { maxChanges?: number; clock?: ManualClock } = {}): LmdbRegistrationStore {
  const store = createLmdbRegistrationStore({ path, ...more });
  stores.push(store);
  return store;
}
const OPTIONS = {
  owner: "The database",
  toError: (reason: LmdbFailure, message: string, cause?: unknown) => new LmdbStoreError(reason, message, cause),
};

describe("a store on lmdb", () => {
  it("gives the answers of the store in memory", async () => {
    const user = fc.constantFrom("ada", "bob", "cy");
    const anyToken = fc.constantFrom(...TOKENS);
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(fc.constant("register" as const), user, anyToken, fc.boolean()) },
      fc.tuple(fc.constant("unregister" as const), user, anyToken),
      fc.tuple(fc.constant("touch" as const), user, anyToken),
      { weight: 3, arbitrary: fc.tuple(fc.constant("replaced" as const), anyToken, anyToken) },
      fc.tuple(fc.constant("removed" as const), anyToken),
      fc.tuple(fc.constant("suspect" as const), anyToken),
      fc.tuple(fc.constant("accepted" as const), anyToken),
      fc.tuple(fc.constant("prune" as const), fc.nat(30)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = createManualClock(1_000);
        const memory = createMemoryRegistrationStore({ clock });
        const lmdb = createLmdbRegistrationStore({ path: newFolder(), clock });
        for (const each of steps) {
          await clock.advance(1);
          for (const store of [memory, lmdb]) {
            const revisionOf = (of: RegistrationToken) =>
              store === memory ? memory.resolve([of]).states[0]?.revision : lmdb.resolve([of]).states[0]?.revision;
            const verdict = (given: object) => store.apply([given as RegistrationVerdict]);
            if (each[0] === "register") await store.register(each[1], each[2], each[3] ? { owner: "shared" } : {});
            else if (each[0] === "unregister") await store.unregister(each[1], each[2]);
            else if (each[0] === "touch") await store.touch(each[1], each[2]);
            else if (each[0] === "prune") await store.removeUnseen({ before: clock.now() - each[1], limit: 100 });
            else {
              const base = { type: each[0], token: each[1], revision: revisionOf(each[1]) };
              if (each[0] === "replaced") await verdict({ ...base, canonicalRegistrationId: each[2] });
              else if (each[0] === "removed") await verdict({ ...base, reason: "not-registered" });
              else if (each[0] === "suspect") await verdict({ ...base, reason: "mismatch-sender-id", sender: "me" });
              else await verdict(base);
            }
          }
          expect(lmdb.resolve(TOKENS)).toEqual(memory.resolve(TOKENS));
          expect(lmdb.counts()).toEqual(memory.counts());
        }
        for (const id of ["ada", "bob", "cy"]) expect(lmdb.registrationsOf(id)).toEqual(memory.registrationsOf(id));
        const sorted = (changes: readonly object[]) => changes.map((each) => JSON.stringify(each));
        expect(sorted(lmdb.changes({ from: "oldest", limit: 1_000 }).changes).length).toEqual(
          memory.changes({ from: "oldest", limit: 1_000 }).changes.length,
        );
        expect(lmdb.registrations({ limit: 100 })).toEqual(memory.registrations({ limit: 100 }));
        await lmdb.close();
      }),
      { numRuns: 15 },
    );
  });

  it("has what was stored when it is opened again", async () => {
    const path = newFolder();
    const first = openStore(path);
    const attributes = { tenant: "t1", empty: "" };
    await first.register("Ada \u{1F600}", "A", { platform: "ios", appVersion: "1.2", locale: "pt-BR", attributes });
    await first.apply([
      { type: "suspect", token: token("A"), revision: 1, reason: "mismatch-sender-id", sender: "me" },
      { type: "replaced", token: token("old"), revision: null, canonicalRegistrationId: token("A") },
    ]);
    const before = first.registrationsOf("Ada \u{1F600}");
    await first.close();

    const second = openStore(path);
    expect(second.registrationsOf("Ada \u{1F600}")).toEqual(before);
    expect(before).toMatchObject([{ platform: "ios", attributes, suspicion: { sender: "me", refusals: 1 } }]);
    expect(second.resolve([token("old")]).tokens).toEqual(["A"]);
    expect(second.counts()).toEqual({ registrations: 1, users: 1 });
    expect(second.changes({ from: "oldest", limit: 10 }).changes.map(({ type }) => type)).toEqual([
      "suspect",
      "replaced",
    ]);
  });

  it("makes the folder, and those above it, where they are missing", async () => {
    const store = openStore(join(newFolder(), "a/b.c"));
    await store.register("u", "A");
    expect(store.counts()).toEqual({ registrations: 1, users: 1 });
  });

  it("writes a thousand registrations that come together to the disk in a few transactions", async () => {
    const store = openStore();
    let wakes = 0;
    store.watch(() => wakes++);
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => store.register(`user-${n}`, `token-${n % 500}`)));
    expect(store.counts()).toEqual({ registrations: 500, users: 500 });
    expect(wakes).toBeLessThanOrEqual(10);
  });

  it("sees what another store of the same folder has changed, and wakes its readers within 100 ms", async () => {
    const path = newFolder();
    const clock = createManualClock(1_000);
    const [one, other] = [openStore(path, { clock }), openStore(path)];
    let wakes = 0;
    const stop = one.watch(() => wakes++);
    await other.register("ada", "A");
    await other.register("bob", "A");
    expect(wakes).toBe(0);
    await clock.advance(100);
    expect(wakes).toBe(1);
    expect(one.registrationsOf("bob")).toHaveLength(1);
    expect(one.changes({ from: "oldest", limit: 10 }).changes).toMatchObject([
      { type: "moved", previousUserIds: ["ada"] },
    ]);
    stop();
    await other.register("cy", "A");
    await clock.advance(1_000);
    expect(wakes).toBe(1);
  });

  it("wakes the other readers when one throws", async () => {
    const clock = createManualClock(1_000);
    const store = openStore(newFolder(), { clock });
    let wakes = 0;
    store.watch(() => {
      throw new Error("broken reader");
    });
    store.watch(() => wakes++);
    await store.register("ada", "A");
    await store.register("bob", "A");
    expect(wakes).toBe(1);
  });

  it("ends a loop over its changes when it is closed", async () => {
    const clock = createManualClock(1_000);
    const store = openStore(newFolder(), { clock });
    const next = followChanges(store, { clock }).next();
    // the look for changes of other processes, and the time to look again
    await vi.waitFor(() => expect(clock.scheduled).toBe(2));
    await store.close();
    await expect(next).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(clock.scheduled).toBe(0);
  });

  it("keeps as many changes as it was told, and says when some that were asked for are gone", async () => {
    const store = openStore(newFolder(), { maxChanges: 3 });
    const { cursor } = store.changes({ from: "newest", limit: 1 });
    for (const user of ["a", "b", "c", "d", "e", "f"]) await store.register(user, "A");
    expect(store.changes({ from: "oldest", limit: 10 }).changes.map(({ userIds }) => userIds)).toEqual([
      ["d"],
      ["e"],
      ["f"],
    ]);
    expect(() => store.changes({ from: cursor, limit: 10 })).toThrow(
      expect.objectContaining({ code: "ERR_CHANGES_LOST" }),
    );
    for (const from of ["7", "-1", "x", "1.5", ""]) {
      expect(() => store.changes({ from, limit: 10 }), from).toThrow(/from: is no cursor that this store gave out/);
    }
  });

  it("knows no user by an ID that nobody can have", async () => {
    const store = openStore();
    await store.register("u", "A");
    for (const userId of ["", "u".repeat(5_000), "a\0b", "\0", undefined, 7, {}] as string[]) {
      expect(store.registrationsOf(userId)).toEqual([]);
      expect(await store.unregister(userId, "A")).toBe(false);
      expect(await store.touch(userId, "A")).toBe(false);
      await expect(store.register(userId, "B")).rejects.toThrow(/userId/);
    }
    for (const odd of ["", "t".repeat(9_000), "a\0b", "\u{1F600}"]) {
      expect(store.resolve([token(odd)])).toEqual({ tokens: [odd], states: [{ revision: null }] });
    }
    expect(store.counts()).toEqual({ registrations: 1, users: 1 });
  });

  it("lets changes that wait reach the disk before it closes, once, and refuses everything after", async () => {
    const path = newFolder();
    const store = openStore(path);
    const waiting = Promise.all(Array.from({ length: 50 }, (_, n) => store.register("u", `token-${n}`)));
    const closed = store.close();
    expect(store.close()).toBe(closed);
    await Promise.all([waiting, closed]);
    await expect(store.register("u", "late")).rejects.toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    await expect(store.apply([{ type: "accepted", token: token("A"), revision: 1 }])).rejects.toThrow(/is closed/);
    for (const read of [
      () => store.registrationsOf("u"),
      () => store.resolve([token("A")]),
      () => store.counts(),
      () => store.users({ limit: 1 }),
      () => store.registrations({ limit: 1 }),
      () => store.changes({ from: "oldest", limit: 1 }),
      () => store.watch(() => {}),
    ]) {
      expect(read).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    }
    expect(openStore(path).counts()).toEqual({ registrations: 50, users: 1 });
  });

  it("takes back a transaction that fails in the middle, whole, and goes on", async () => {
    const path = newFolder();
    const store = openStore(path);
    await store.register("ada", "A");
    const environment = openEnvironment(path, OPTIONS);
    const table = environment.begin(() => environment.table<unknown, string>("tokens"));
    const failing = environment.change(() => {
      table.put("half", [9, null, null, [], null, null, null, 0]);
      throw new Error("in the middle");
    });
    const cause = { message: "in the middle" };
    await expect(failing).rejects.toMatchObject({ code: "ERR_LMDB_STORE", reason: "failed", cause });
    await environment.close();
    expect(store.resolve([token("half")]).states).toEqual([{ revision: null }]);
    await store.register("ada", "B");
    expect(store.counts()).toEqual({ registrations: 2, users: 1 });
  });

  it("refuses a database of another format, and leaves it as it is", async () => {
    const path = newFolder();
    const environment = openEnvironment(path, OPTIONS);
    environment.begin(() => {
      environment.table<unknown, string>("meta").put("format", 1);
    });
    await environment.close();
    for (let n = 0; n < 2; n++) {
      expect(() => createLmdbRegistrationStore({ path })).toThrow(
        expect.objectContaining({ reason: "other-format", message: expect.stringContaining("format 1, not 2") }),
      );
    }
  });

  it("names every wrong option", () => {
    const wrong = { path: "", maxChanges: 0, clock: {}, pth: "x" };
    expect(() => createLmdbRegistrationStore(wrong as never)).toThrow(/path: .*maxChanges: .*clock: .*/s);
    expect(() => createLmdbRegistrationStore(undefined as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
    );
  });

  it("refuses a folder that this process may not write, or that is a file", async () => {
    const path = newFolder();
    writeFileSync(join(path, "file"), "x");
    expect(() => createLmdbRegistrationStore({ path: join(path, "file") })).toThrow(/could not be opened/);
    await createLmdbRegistrationStore({ path: join(path, "db") }).close();
    const isRoot = process.geteuid?.() === 0;
    for (const name of ["db", "new"]) {
      chmodSync(join(path, "db"), 0o555);
      chmodSync(path, 0o555);
      if (isRoot) process.seteuid?.(65_534);
      try {
        expect(() => createLmdbRegistrationStore({ path: join(path, name) })).toThrow(
          expect.objectContaining({ reason: "not-permitted", message: expect.stringContaining("may not write there") }),
        );
      } finally {
        if (isRoot) process.seteuid?.(0);
        chmodSync(path, 0o755);
        chmodSync(join(path, "db"), 0o755);
      }
    }
  });
});
