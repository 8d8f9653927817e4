import { describe, expect, it } from "vitest";
import type { RegistrationToken } from "./message/token.ts";
import { createMemoryRegistrationStore } from "./registrations/memory-registration-store.ts";
import type { RegistrationChange, TokenState } from "./registrations/registration.ts";
import { createManualClock } from "./time/clock.ts";

const FID = "cTEST0123456789abcdefg" as RegistrationToken;
const OLD = `${FID}:APA91bOld` as RegistrationToken;
const OTHER = "dOTHER123456789abcdefg:APA91bX" as RegistrationToken;

function aStore(maxRegistrations = 10) {
  const clock = createManualClock();
  const store = createMemoryRegistrationStore({ clock, maxRegistrations });
  const changes: RegistrationChange[] = [];
  store.onChange((change) => changes.push(change));
  const tokensOf = (userId: string): string[] => store.registrationsOf(userId).map(({ token }) => token);
  return { clock, store, changes, tokensOf };
}

describe("a Firebase Installation ID in the registration store", () => {
  it("supersedes the token of the same installation for everybody who has it, and no other token", () => {
    const { store, changes, tokensOf } = aStore();
    store.register("ann", OTHER);
    store.register("ann", OLD);
    store.register("bob", OLD, { owner: "shared" });
    store.register("ann", FID, { owner: "shared" });
    expect(tokensOf("ann")).toEqual([OTHER, FID]);
    expect(tokensOf("bob")).toEqual([FID]);
    expect(store.resolve([OLD, OTHER]).tokens).toEqual([FID, OTHER]);
    expect(changes).toMatchObject([
      { type: "replaced", cursor: "1", token: OLD, canonicalRegistrationId: FID, userIds: ["ann", "bob"] },
    ]);
  });

  it("is never derived from a token that is only stored", () => {
    const { store, tokensOf } = aStore();
    store.register("ann", OLD);
    expect(tokensOf("ann")).toEqual([OLD]);
    expect(store.resolve([OLD]).tokens).toEqual([OLD]);
  });

  it("stays the one to use when the app reports the old token once more", async () => {
    const { clock, store, tokensOf } = aStore();
    store.register("ann", FID);
    await clock.advance(1_000);
    store.register("ann", OLD);
    expect(tokensOf("ann")).toEqual([FID]);
    expect(store.resolve([OLD]).tokens).toEqual([FID]);
    expect(store.registrationsOf("ann")).toMatchObject([
      { registeredAt: clock.now() - 1_000, lastSeenAt: clock.now() },
    ]);
  });

  it("gives way to the token again once the service has said that the ID is gone", async () => {
    const { store, tokensOf } = aStore();
    store.register("ann", OLD);
    store.register("ann", FID);
    const { revision } = store.resolve([FID]).states[0] as TokenState;
    store.apply([{ type: "removed", token: FID, reason: "not-registered", revision }]);
    store.register("ann", OLD);
    expect(tokensOf("ann")).toEqual([OLD]);
    expect(store.resolve([OLD]).tokens).toEqual([OLD]);
  });

  it("takes the token's place in a store that is full", () => {
    const { store, tokensOf } = aStore(1);
    store.register("ann", OLD);
    store.register("ann", FID);
    expect(tokensOf("ann")).toEqual([FID]);
    expect(store.size).toBe(1);
  });
});
