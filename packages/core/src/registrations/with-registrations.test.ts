import { describe, expect, it } from "vitest";
import { InvalidOptionsError } from "../errors.ts";
import type { RegistrationToken } from "../message/token.ts";
import type { RecipientOutcome } from "../outcome/outcome.ts";
import { withRetry } from "../retry/with-retry.ts";
import { type Answer, scriptedTransport } from "../scripted-transport.test-support.ts";
import { createManualClock } from "../time/clock.ts";
import { createMemoryRegistrationStore } from "./memory-registration-store.ts";
import type { RegistrationStore } from "./registration-store.ts";
import { withRegistrations } from "./with-registrations.ts";

const token = (text: string) => text as RegistrationToken;

function setup(script: Record<string, readonly Answer[]> = {}, methods: Partial<RegistrationStore> = {}) {
  const clock = createManualClock(1_000);
  const bare = scriptedTransport(script, { clock, usesMessageIds: true });
  const store: RegistrationStore = { ...createMemoryRegistrationStore({ clock }), ...methods };
  const transport = withRegistrations(withRetry(bare, { clock, random: () => 0 }), store, { clock });
  const sentTo = () => bare.attempts.map(({ recipients }) => recipients.join(","));
  return { clock, bare, store, transport, sentTo };
}

describe("withRegistrations", () => {
  it("sends once to the device of two tokens, each message ID with its token, and reports by the given positions", async () => {
    const { store, transport, bare } = setup();
    await store.apply([
      { type: "replaced", token: token("old"), revision: null, canonicalRegistrationId: token("new") },
    ]);
    const target = { tokens: [token("old"), token("other"), token("new")] };
    const told: [number, string][] = [];
    const onOutcome = (position: number, { recipient }: RecipientOutcome) => void told.push([position, recipient]);
    const { outcomes } = await transport.send({ target }, { messageIds: ["m0", "m1", "m2"], onOutcome });
    expect(bare.attempts).toMatchObject([{ recipients: ["other", "new"], options: { messageIds: ["m1", "m0"] } }]);
    expect(outcomes).toMatchObject([
      { recipient: "old", sentTo: "new", canonicalRegistrationId: "new" },
      { recipient: "other" },
      { recipient: "new" },
    ]);
    for (const [position, recipient] of told) expect(recipient).toBe(outcomes[position]?.recipient);
  });

  it("stores rewrites and removals once per send, after the last attempt", async () => {
    const { clock, store, transport, sentTo } = setup({
      dead: ["not-registered"],
      away: ["unavailable", { canonical: "new" }],
    });
    await store.register("ada", "dead");
    await store.register("ada", "away");
    clock.setWallClock(5_000);
    const sending = transport.send({ target: { tokens: [token("dead"), token("away")] } });
    await clock.advance(5_000);
    await sending;
    expect(sentTo()).toEqual(["dead,away", "away"]);
    const found = await store.registrationsOf("ada");
    expect(found.map((registration) => registration.token)).toEqual(["new"]);
  });

  it("passes topics through without asking the store", async () => {
    const resolve = () => {
      throw new Error("asked");
    };
    const { transport, sentTo } = setup({}, { resolve });
    await transport.send({ target: { topic: "news" } });
    expect(sentTo()).toEqual(["news"]);
    await expect(transport.send({ target: { token: token("tok-a") } })).rejects.toMatchObject({
      code: "ERR_REGISTRATION_STORE",
    });
  });

  it("waits for a hanging store no longer than the deadline of the policy, and close() ends the wait", async () => {
    const hanging = () => new Promise<never>(() => undefined);
    const { clock, transport, bare } = setup({}, { resolve: hanging });
    const late = transport.send({ target: { token: token("tok-a") } }).catch((error: unknown) => error);
    await clock.advance(120_000);
    expect(await late).toMatchObject({ code: "ERR_REGISTRATION_STORE" });
    const closed = transport.send({ target: { token: token("tok-a") } }).catch((error: unknown) => error);
    await transport.close();
    expect(await closed).toMatchObject({ code: "ERR_CLOSED" });
    expect(bare.attempts).toEqual([]);
    expect(clock.scheduled).toBe(0);
  });

  it("refuses a store without the methods of one, by name", () => {
    expect(() => withRegistrations(scriptedTransport({}), { resolve() {} } as never)).toThrow(InvalidOptionsError);
    expect(() => withRegistrations(scriptedTransport({}), { resolve() {} } as never)).toThrow(/registrationsOf, apply/);
  });
});
