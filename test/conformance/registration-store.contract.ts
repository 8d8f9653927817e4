import type { ManualClock, RegistrationStore, RegistrationToken } from "@cloud-messaging/core";
import { createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";

const token = (text: string) => text as RegistrationToken;
const [A, B, C] = [token("tok-A"), token("tok-B"), token("tok-C")] as const;

/**
 * What every registration store has to do, wherever it keeps things. Run it over yours:
 * `registrationStoreContract("mine", (clock) => createMyStore({ clock }))`.
 */
export function registrationStoreContract(
  name: string,
  create: (clock: ManualClock) => RegistrationStore | Promise<RegistrationStore>,
): void {
  async function setup() {
    const clock = createManualClock(1_000);
    const store = await create(clock);
    const tokensOf = async (user: string) => (await store.registrationsOf(user)).map((r) => r.token as string).sort();
    return { clock, store, tokensOf };
  }

  describe(`registration store: ${name}`, () => {
    it("knows a user's registrations, each once, and nobody else's", async () => {
      const { store, tokensOf } = await setup();
      await store.register("u", A);
      await store.register("u", B);
      await store.register("u", A);
      await store.register("v", A);
      expect([await tokensOf("u"), await tokensOf("v"), await tokensOf("w")]).toEqual([[A, B], [A], []]);
    });

    it("rewrites a superseded token for every user, and remembers the rewrite", async () => {
      const { store, tokensOf } = await setup();
      await store.register("u", A);
      await store.register("v", A);
      await store.replace(A, B, 2_000);
      expect([await tokensOf("u"), await tokensOf("v")]).toEqual([[B], [B]]);
      expect(await store.resolve([C, A, B])).toEqual([C, B, B]);
    });

    it("remembers a rewrite of a token that it does not hold", async () => {
      const { store } = await setup();
      await store.replace(A, B, 2_000);
      expect(await store.resolve([A])).toEqual([B]);
    });

    it("merges a rewrite onto a token that the user has already", async () => {
      const { store, tokensOf } = await setup();
      await store.register("u", A);
      await store.register("u", B);
      await store.replace(A, B, 2_000);
      expect(await tokensOf("u")).toEqual([B]);
    });

    it("follows chains to their end, and lets the newer of two contrary rewrites win", async () => {
      const { store } = await setup();
      await store.replace(A, B, 2_000);
      await store.replace(B, C, 3_000);
      expect(await store.resolve([A])).toEqual([C]);
      await store.replace(C, A, 4_000);
      expect(await store.resolve([A, B, C])).toEqual([A, A, A]);
    });

    it("removes a dead token for every user", async () => {
      const { store, tokensOf } = await setup();
      await store.register("u", A);
      await store.register("v", A);
      await store.remove(A, "not-registered", 2_000);
      expect([await tokensOf("u"), await tokensOf("v")]).toEqual([[], []]);
    });

    it("keeps a token that was registered again after the attempt that found it dead", async () => {
      const { store, clock, tokensOf } = await setup();
      await store.register("u", A);
      const sentAt = clock.now();
      await clock.advance(5);
      await store.register("u", A);
      await store.remove(A, "not-registered", sentAt);
      await store.replace(A, B, sentAt);
      expect(await tokensOf("u")).toEqual([A]);
      expect(await store.resolve([A])).toEqual([A]);
    });

    it("lists registrations the oldest first, with the time of each", async () => {
      const { store, clock } = await setup();
      const registeredAt: number[] = [];
      for (const each of [A, B, A]) {
        registeredAt.push(clock.now());
        await store.register("u", each);
        await clock.advance(5);
      }
      expect(await store.registrationsOf("u")).toEqual([
        { userId: "u", token: B, registeredAt: registeredAt[1] },
        { userId: "u", token: A, registeredAt: registeredAt[2] },
      ]);
    });

    it("orders answers by the time their attempts were sent, not by their arrival", async () => {
      const { store } = await setup();
      await store.replace(A, C, 3_000);
      await store.replace(A, B, 2_000);
      expect(await store.resolve([A])).toEqual([C]);
    });

    it("rewrites a token to the installation ID that the app reports for it", async () => {
      const fid = "cTEST0123456789abcdefg";
      const { store, tokensOf } = await setup();
      await store.register("u", `${fid}:APA91bOld`);
      await store.register("u", fid);
      expect(await tokensOf("u")).toEqual([fid]);
      expect(await store.resolve([token(`${fid}:APA91bOld`)])).toEqual([fid]);
    });

    it("removes nothing on suspicion", async () => {
      const { store, tokensOf } = await setup();
      await store.register("u", A);
      await store.suspect(A, "mismatch-sender-id");
      expect(await tokensOf("u")).toEqual([A]);
    });

    it("takes the same change twice without harm", async () => {
      const { store, tokensOf } = await setup();
      await store.register("u", A);
      for (let n = 0; n < 2; n++) await store.replace(A, B, 2_000);
      for (let n = 0; n < 2; n++) await store.remove(C, "not-registered", 2_000);
      expect(await tokensOf("u")).toEqual([B]);
    });
  });
}
