import { describe, expect, it } from "vitest";
import { type Answer, scriptedTransport } from "../scripted-transport.test-support.ts";
import { createSender } from "../sending/create-sender.ts";
import { createManualClock } from "../time/clock.ts";
import { audience, prune, sweep } from "./audience.ts";
import { followChanges } from "./follow-changes.ts";
import { createMemoryRegistrationStore } from "./memory-registration-store.ts";

const DAY = 86_400_000;

function setup(script: Record<string, readonly Answer[]> = {}) {
  const clock = createManualClock();
  const store = createMemoryRegistrationStore({ clock });
  const transport = scriptedTransport(script, { clock, preferredBatchSize: 50 });
  const sender = createSender({ transport, registrations: store, clock, random: () => 0 });
  return { clock, store, transport, sender };
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

describe("audience", () => {
  it("gives every registration once, over page boundaries, also while the send rewrites tokens", async () => {
    const script = Object.fromEntries(
      Array.from({ length: 2_500 }, (_, n) => [`tok-${n}`, [{ canonical: `new-${n}` } as const]]),
    );
    const { store, sender, transport } = setup(script);
    for (let n = 0; n < 2_500; n++) store.register(`user-${n}`, `tok-${n}`);
    const outcomes = await all(sender.sendAll({ data: { n: "1" } }, audience(store)));
    expect(outcomes).toHaveLength(2_500);
    const sentTo = transport.attempts.flatMap(({ recipients }) => recipients);
    expect(new Set(sentTo).size).toBe(2_500);
    expect(sentTo.some((token) => token.startsWith("new-"))).toBe(false);
    expect(store.registrationsOf("user-7")).toMatchObject([{ token: "new-7" }]);
  });

  it("reads a page when its first registration is taken, and no page ahead", async () => {
    const { store } = setup();
    for (let n = 0; n < 2_500; n++) store.register(`user-${n}`, `tok-${n}`);
    const pages: number[] = [];
    const { registrations } = store;
    store.registrations = (query) => {
      const page = registrations(query);
      pages.push(page.registrations.length);
      return page;
    };
    const everybody = audience(store);
    const read: number[] = [];
    for (let taken = 0; taken < 2_500; taken++) {
      await everybody.next();
      if (taken === 0 || taken === 999 || taken === 1_000 || taken === 2_499) read.push(pages.length);
    }
    expect(read).toEqual([1, 1, 2, 3]);
    expect(await everybody.next()).toMatchObject({ done: true });
    expect(pages).toEqual([1_000, 1_000, 500]);
  });

  it("gives those of a platform, or seen since", async () => {
    const { store, clock } = setup();
    store.register("ada", "a", { platform: "android" });
    store.register("grace", "b", { platform: "ios" });
    const since = clock.now() + 1_000;
    await clock.advance(1_000);
    store.touch("grace", "b");
    const users = async (options: object) => (await all(audience(store, options))).map(({ userId }) => userId);
    expect(await users({})).toEqual(["ada", "grace"]);
    expect(await users({ platform: "android" })).toEqual(["ada"]);
    expect(await users({ seenSince: since })).toEqual(["grace"]);
  });

  it("personalizes by what is known of the registration", async () => {
    const { store, sender, transport } = setup();
    store.register("ada", "a", { locale: "pt-BR" });
    const personalize = ({ locale = "en" }: { readonly locale?: string }) => ({ data: { locale } });
    const sent = transport.send;
    const messages: unknown[] = [];
    transport.send = (message, options) => {
      messages.push(message.data);
      return sent(message, options);
    };
    await all(sender.sendAll({}, audience(store), { personalize }));
    expect(messages).toEqual([{ locale: "pt-BR" }]);
  });

  it("refuses what is no store, and options that it does not have", () => {
    expect(() => audience({} as never)).toThrow(/store: must be a registration store/);
    expect(() => audience(createMemoryRegistrationStore(), { plattform: "ios" } as never)).toThrow(/plattform/);
    expect(() => prune(createMemoryRegistrationStore(), {} as never)).toThrow(/unseenForMs/);
    expect(() => sweep({} as never, createMemoryRegistrationStore(), { tokensPerSec: 0 })).toThrow(/tokensPerSec/);
    expect(() => followChanges(createMemoryRegistrationStore(), { pollMs: 0 })).toThrow(/pollMs/);
  });
});

describe("prune", () => {
  it("removes what was not seen for long, gives each, and with dryRun removes nothing", async () => {
    const { store, clock } = setup();
    for (let n = 0; n < 1_200; n++) store.register(`user-${n}`, `tok-${n}`);
    store.register("shared", "tok-0", { owner: "shared" });
    await clock.advance(270 * DAY);
    store.touch("user-7", "tok-7");
    store.touch("shared", "tok-0");
    await clock.advance(1);
    const options = { unseenForMs: 270 * DAY, clock };
    expect(await all(prune(store, { ...options, dryRun: true }))).toHaveLength(1_199);
    expect(store.size).toBe(1_201);
    const removed = await all(prune(store, options));
    expect(removed).toHaveLength(1_199);
    expect(removed[0]).toMatchObject({ userId: "user-0", token: "tok-0" });
    expect([store.registrationsOf("user-7"), store.registrationsOf("shared")]).toMatchObject([
      [{ token: "tok-7" }],
      [{ token: "tok-0" }],
    ]);
    expect(store.size).toBe(2);
    expect(await all(prune(store, options))).toEqual([]);
  });
});

describe("sweep", () => {
  it("reads no more of the store than is being tried, and holds no outcome that nobody takes", async () => {
    const { store, sender, transport } = setup(
      Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`tok-${n}`, ["not-registered" as const]])),
    );
    for (let n = 0; n < 5_000; n++) store.register(`user-${n}`, `tok-${n}`);
    const dead = sweep(sender, store, { tokensPerSec: 1_000_000_000 });
    await dead.next();
    // nobody takes the next one
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    const tried = transport.attempts.flatMap(({ recipients }) => recipients).length;
    // 16 batches of 50, and those whose outcomes are being taken
    expect(tried).toBeLessThanOrEqual(2 * 16 * 50);
    await dead.return();
    expect(store.size).toBe(5_000 - tried);
  });

  it("finds dead tokens by a send that nobody gets, and removes them; nothing counts as accepted", async () => {
    const { store, sender, transport } = setup({ dead: ["not-registered"], old: [{ canonical: "new" }] });
    for (const token of ["fine", "dead", "old"]) store.register("ada", token);
    const messages: unknown[] = [];
    const sent = transport.send;
    transport.send = (message, options) => {
      messages.push(message.dryRun);
      return sent(message, options);
    };
    expect(await all(sweep(sender, store))).toMatchObject([{ recipient: "dead", kind: "unregistered" }]);
    expect(messages).toEqual([true]);
    expect(store.registrationsOf("ada").map(({ token, acceptedAt }) => [token, acceptedAt])).toEqual([
      ["fine", undefined],
      ["new", undefined],
    ]);
  });

  it("takes as many tokens per second as it may, and ends with the signal", async () => {
    const { store, sender, transport, clock } = setup();
    for (let n = 0; n < 1_000; n++) store.register(`user-${n}`, `tok-${n}`);
    const abort = new AbortController();
    const sweeping = all(sweep(sender, store, { tokensPerSec: 100, clock, signal: abort.signal })).catch(
      (error: unknown) => error,
    );
    const tried = () => transport.attempts.flatMap(({ recipients }) => recipients).length;
    for (let second = 1; second <= 3; second++) {
      for (let n = 0; n < 20; n++) await clock.advance(50);
      expect(tried()).toBeGreaterThanOrEqual(second * 100 - 50);
      expect(tried()).toBeLessThanOrEqual(second * 100 + 60);
    }
    abort.abort();
    await clock.advance(1_000);
    expect(await sweeping).toMatchObject({ code: "ERR_ABORTED" });
    expect(clock.scheduled).toBe(0);
  });

  it("ends with the signal's error also where it aborts between two dead tokens", async () => {
    const { store, sender } = setup({ a: ["not-registered"], b: ["not-registered"] });
    for (const token of ["a", "b", "c"]) store.register("ada", token);
    const abort = new AbortController();
    const found: string[] = [];
    await expect(async () => {
      for await (const { recipient } of sweep(sender, store, { signal: abort.signal })) {
        found.push(recipient);
        abort.abort(new Error("enough"));
      }
    }).rejects.toMatchObject({ code: "ERR_ABORTED", cause: new Error("enough") });
    expect(found.length).toBeGreaterThan(0);
    expect(store.registrationsOf("ada").map(({ token }) => token)).toEqual(["c"]);
  });

  it("tries those alone that were not seen for long", async () => {
    const { store, sender, transport, clock } = setup();
    store.register("ada", "old");
    await clock.advance(31 * DAY);
    store.register("ada", "new");
    await all(sweep(sender, store, { unseenForMs: 30 * DAY, clock }));
    expect(transport.attempts.map(({ recipients }) => recipients)).toEqual([["old"]]);
  });
});

describe("followChanges", () => {
  it("ends with the signal also while the store does not answer", async () => {
    const store = { ...createMemoryRegistrationStore(), changes: () => new Promise<never>(() => undefined) };
    const abort = new AbortController();
    const following = all(followChanges(store, { signal: abort.signal }));
    setImmediate(() => abort.abort());
    expect(await following).toEqual([]);
  });

  it("gives what was missed, then each change as it comes, and ends with the signal", async () => {
    const { store, clock } = setup();
    store.register("ada", "A");
    store.register("grace", "A");
    const { cursor } = store.changes({ from: "newest", limit: 1 });
    store.register("ada", "A");
    const abort = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { userIds } of followChanges(store, { from: cursor, signal: abort.signal, clock })) {
        seen.push(...userIds);
      }
    })();
    await clock.advance(0);
    expect(seen).toEqual(["ada"]);
    store.register("alan", "A");
    await clock.advance(0);
    expect(seen).toEqual(["ada", "alan"]);
    abort.abort();
    await following;
    expect(clock.scheduled).toBe(0);
    store.register("ada", "A");
    expect(seen).toEqual(["ada", "alan"]);
  });

  it("asks every second a store that wakes nobody", async () => {
    const { store, clock } = setup();
    const { watch, ...silent } = store;
    const seen: string[] = [];
    const abort = new AbortController();
    const following = (async () => {
      for await (const change of followChanges(silent, { signal: abort.signal, clock })) seen.push(change.type);
    })();
    await clock.advance(0);
    store.register("ada", "A");
    store.register("grace", "A");
    await clock.advance(999);
    expect(seen).toEqual([]);
    await clock.advance(1);
    expect(seen).toEqual(["moved"]);
    abort.abort();
    await following;
  });

  it("fails in the loop where the changes are gone", async () => {
    const store = createMemoryRegistrationStore({ maxChanges: 1 });
    for (const user of ["ada", "grace", "ada", "grace", "ada"]) store.register(user, "A");
    await expect(all(followChanges(store, { from: "0" }))).rejects.toMatchObject({ code: "ERR_CHANGES_LOST" });
  });
});
