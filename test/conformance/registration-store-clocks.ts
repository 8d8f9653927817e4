import {
  createManualClock,
  type ManualClock,
  type RegistrationStore,
  type RegistrationToken,
} from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";

const token = (text: string) => text as RegistrationToken;

async function resolved(store: RegistrationStore, given: RegistrationToken) {
  const { states } = await store.resolve([given]);
  return { token: given, revision: states[0]?.revision ?? null };
}

const tokensOf = async (store: RegistrationStore, userId: string) =>
  (await store.registrationsOf(userId)).map((each) => each.token as string);

/**
 * Tests two handles of one store, on machines whose clocks differ by a minute: nothing is decided by them.
 *
 * @param open Opens a handle; the same store each time.
 */
export function clocksApart(open: (clock: ManualClock) => Promise<RegistrationStore> | RegistrationStore): void {
  describe("from two machines whose clocks differ by a minute", () => {
    it.each([
      ["ahead", 1_060_000, 1_000_000],
      ["behind", 1_000_000, 1_060_000],
    ])("decides by its own order of calls, and by no clock: the sender's is %s", async (place, ofSender, ofApp) => {
      const sender = await open(createManualClock(ofSender));
      const app = await open(createManualClock(ofApp));
      const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => token(`${place}-${name}`)) as [
        RegistrationToken,
        RegistrationToken,
        RegistrationToken,
        RegistrationToken,
      ];
      const [ada, grace] = [`ada-${place}`, `grace-${place}`];

      // registered again while the message was under way: stays; what is heard of it later counts
      await app.register(ada, a);
      const before = await resolved(sender, a);
      await app.register(ada, a);
      await sender.apply([{ ...before, type: "removed", reason: "not-registered" }]);
      expect(await tokensOf(app, ada)).toEqual([a]);
      await sender.apply([{ ...(await resolved(sender, a)), type: "removed", reason: "not-registered" }]);
      expect(await tokensOf(app, ada)).toEqual([]);

      // the second user has the device
      await app.register(ada, b);
      await sender.register(grace, b);
      expect([await tokensOf(app, ada), await tokensOf(app, grace)]).toEqual([[], [b]]);
      await app.register(ada, b);
      expect([await tokensOf(sender, ada), await tokensOf(sender, grace)]).toEqual([[b], []]);

      // of two that turn out to be one device, the later registration decides
      for (const [first, second, old, canonical] of [
        [sender, app, c, token(`${c}-new`)],
        [app, sender, d, token(`${d}-new`)],
      ] as const) {
        await first.register(ada, old);
        await second.register(grace, canonical);
        const verdict = await resolved(sender, old);
        await sender.apply([{ ...verdict, type: "replaced", canonicalRegistrationId: canonical }]);
        expect(await tokensOf(app, grace)).toEqual([canonical]);
        expect(await tokensOf(app, ada)).toEqual([b]);
        await app.unregister(grace, canonical);
      }
    });
  });
}
