import { describe, expect, it } from "vitest";
import type { RegistrationToken } from "../message/token.ts";
import { type Answer, scriptedTransport } from "../scripted-transport.test-support.ts";
import { createSender } from "../sending/create-sender.ts";
import type { CreateSenderOptions } from "../sending/sender.ts";
import { createManualClock } from "../time/clock.ts";
import { createMemoryRegistrationStore } from "./memory-registration-store.ts";
import type { RegistrationChange } from "./registration.ts";
import type { RegistrationStore } from "./registration-store.ts";

const HOUR = 3_600_000;

function setup(script: Record<string, readonly Answer[]> = {}, options: Partial<CreateSenderOptions> = {}) {
  const clock = createManualClock();
  const store = createMemoryRegistrationStore({ clock });
  const calls: string[] = [];
  /** The store, and the names of its calls. */
  const registrations = Object.fromEntries(
    Object.entries(store).map(([name, value]: [string, unknown]) => [
      name,
      typeof value !== "function"
        ? value
        : (...given: unknown[]): unknown => {
            calls.push(name);
            return (value as (...args: unknown[]) => unknown)(...given);
          },
    ]),
    // it has each name of the store
  ) as unknown as RegistrationStore;
  const transport = scriptedTransport(script, { clock });
  const sender = createSender({ transport, registrations, clock, random: () => 0, ...options });
  const changes: RegistrationChange[] = [];
  store.onChange((change) => changes.push(change));
  return { clock, store, calls, transport, sender, changes };
}

describe("the calls of the store for a send", () => {
  it("are one before it, and none after it but once a day per token", async () => {
    const { clock, store, calls, sender } = setup();
    store.register("ada", "a");
    await sender.sendToUser("ada", {});
    expect(calls.splice(0)).toEqual(["registrationsOf", "apply"]);
    expect(store.registrationsOf("ada")).toMatchObject([{ acceptedAt: clock.now() }]);
    await clock.advance(23 * HOUR);
    await sender.sendToUser("ada", {});
    await sender.send({ target: { token: "a" } });
    await sender.send({ target: { token: "stranger" } });
    expect(calls.splice(0)).toEqual(["registrationsOf", "resolve", "resolve"]);
    await clock.advance(HOUR);
    await sender.send({ target: { tokens: ["a", "stranger"] } });
    expect(calls.splice(0)).toEqual(["resolve", "apply"]);
    expect(store.registrationsOf("ada")).toMatchObject([{ acceptedAt: clock.now() }]);
  });

  it("note no acceptance of a dry run", async () => {
    const { store, calls, sender } = setup();
    store.register("ada", "a");
    await sender.sendToUser("ada", { dryRun: true });
    expect(calls).toEqual(["registrationsOf"]);
    expect(store.registrationsOf("ada")[0]).not.toHaveProperty("acceptedAt");
  });
});

describe("a token that was registered while a message to it was under way", () => {
  it.each([-60_000, 0, 60_000])("stays, with the clocks of store and sender %i ms apart", async (apart) => {
    for (const answer of ["not-registered", { canonical: "new" }] as const) {
      for (const send of ["send", "sendToUser"] as const) {
        let open = (): void => undefined;
        const gate = () => new Promise<void>((resolve) => (open = resolve));
        const clock = createManualClock();
        const storeClock = createManualClock(clock.now() + apart);
        const store = createMemoryRegistrationStore({ clock: storeClock });
        const transport = scriptedTransport({ phone: [answer] }, { clock, gate });
        const sender = createSender({ transport, registrations: store, clock });
        store.register("ada", "phone");
        const sending =
          send === "send"
            ? sender.send({ target: { token: "phone" } })
            : sender.sendToUser("ada", { data: { n: "1" } });
        await clock.advance(0);
        store.register("ada", "phone");
        open();
        await sending;
        expect(store.registrationsOf("ada")).toMatchObject([{ token: "phone" }]);
        expect(store.resolve(["phone" as RegistrationToken]).tokens).toEqual(["phone"]);
      }
    }
  });
});

describe("a token that is refused in a way that does not prove it dead", () => {
  it("is reported and stays, however often", async () => {
    const { store, sender, changes } = setup({ phone: ["mismatch-sender-id"] });
    store.register("ada", "phone");
    for (let n = 0; n < 5; n++) await sender.sendToUser("ada", {});
    expect(store.registrationsOf("ada")).toMatchObject([{ token: "phone", suspicion: { refusals: 5 } }]);
    expect(changes.map((change) => change.type === "suspect" && change.suspicion.refusals)).toEqual([1, 2, 3, 4, 5]);
  });

  it("is removed by the policy of the sender, after so many refusals over so long", async () => {
    const suspects = { refusals: 3, overMs: 24 * HOUR };
    const { store, sender, changes, clock } = setup({ phone: ["mismatch-sender-id"] }, { suspects });
    store.register("ada", "phone");
    for (let n = 0; n < 4; n++) await sender.sendToUser("ada", {});
    expect(store.registrationsOf("ada")).toHaveLength(1);
    await clock.advance(24 * HOUR);
    await sender.sendToUser("ada", {});
    expect(store.registrationsOf("ada")).toEqual([]);
    expect(changes.at(-1)).toMatchObject({ type: "removed", reason: "suspect", token: "phone", userIds: ["ada"] });
  });

  it("is trusted again after an accepted message", async () => {
    const { store, sender } = setup({ phone: ["ok", "mismatch-sender-id", "ok"] });
    store.register("ada", "phone");
    for (let n = 0; n < 2; n++) await sender.sendToUser("ada", {});
    expect(store.registrationsOf("ada")).toMatchObject([{ suspicion: { sender: "scripted", refusals: 1 } }]);
    await sender.sendToUser("ada", {});
    expect(store.registrationsOf("ada")[0]).not.toHaveProperty("suspicion");
  });

  it("has its refusals counted by the identity of the sender", async () => {
    const { store, sender, transport } = setup({ phone: ["mismatch-sender-id"] });
    store.register("ada", "phone");
    await sender.sendToUser("ada", {});
    const other = createSender({ transport: { ...transport, sender: "project-2" }, registrations: store });
    await other.sendToUser("ada", {});
    expect(store.registrationsOf("ada")).toMatchObject([{ suspicion: { sender: "project-2", refusals: 1 } }]);
  });

  it.each([
    [{ refusals: 1, overMs: 0 }, /suspects\.refusals/],
    [{ refusals: 2, overMs: -1 }, /suspects\.overMs/],
    [{ refusals: 2 }, /suspects\.overMs/],
    [true, /suspects/],
  ])("has no policy of %j", (suspects, problem) => {
    expect(() => setup({}, { suspects } as never)).toThrow(problem);
  });
});

describe("two users of one phone", () => {
  it("each get their own messages: sign-in moves the token, sign-out removes it, a late answer changes nothing", async () => {
    const { store, sender, transport, changes } = setup();
    const sentTo = async (user: string): Promise<readonly string[]> => {
      const before = transport.attempts.length;
      await sender.sendToUser(user, { notification: { body: `for ${user}` } });
      return transport.attempts.slice(before).flatMap(({ recipients }) => recipients);
    };
    store.register("ada", "phone", { platform: "android" });
    store.register("ada", "tablet", { platform: "android" });
    expect(await sentTo("ada")).toEqual(["phone", "tablet"]);

    // Grace signs in on the phone; Ada never signed out
    store.register("grace", "phone", { platform: "android" });
    expect(changes).toMatchObject([{ type: "moved", token: "phone", userIds: ["grace"], previousUserIds: ["ada"] }]);
    expect(await sentTo("ada")).toEqual(["tablet"]);
    expect(await sentTo("grace")).toEqual(["phone"]);

    // Ada's sign-out, made while the phone was off the network, arrives late: it takes nothing from Grace
    expect(store.unregister("ada", "phone")).toBe(false);
    expect(await sentTo("grace")).toEqual(["phone"]);

    // Grace signs out: nobody is signed in on the phone
    expect(store.unregister("grace", "phone")).toBe(true);
    expect(changes.at(-1)).toMatchObject({ type: "removed", reason: "by-caller", userIds: ["grace"] });
    expect([await sentTo("grace"), await sentTo("ada")]).toEqual([[], ["tablet"]]);
  });

  it("both get theirs where the app shows several accounts at once", async () => {
    const { store, sender, transport } = setup();
    for (const user of ["ada", "grace"]) store.register(user, "phone", { owner: "shared" });
    for (const user of ["ada", "grace"]) await sender.sendToUser(user, { data: { user } });
    expect(transport.attempts.map(({ recipients }) => recipients)).toEqual([["phone"], ["phone"]]);
    store.unregister("ada", "phone");
    expect((await sender.sendToUser("ada", {})).outcomes).toEqual([]);
    expect((await sender.sendToUser("grace", {})).outcomes).toHaveLength(1);
  });
});
