import { describe, expect, it } from "vitest";
import { scriptedTransport } from "./scripted-transport.test-support.ts";
import { createSender } from "./sending/create-sender.ts";
import { createManualClock } from "./time/clock.ts";

const send = async (sender: ReturnType<typeof createSender>, token: string) =>
  void (await sender.send({ target: { token } }, { timeoutMs: 1 }));

describe("the health of a sender", () => {
  it("is not ready for a minute after a refusal of the credentials, so that the next send can find out", async () => {
    const clock = createManualClock(5_000);
    const transport = scriptedTransport({ refused: ["authentication-failed"] }, { clock });
    const sender = createSender({ transport, clock });
    await send(sender, "refused");
    expect(sender.health()).toMatchObject({
      ready: false,
      reason: "the credentials are refused: authentication-failed",
      lastError: { code: "authentication-failed", at: 5_000 },
    });
    await clock.advance(60_000);
    expect(sender.health()).toMatchObject({ ready: true, lastError: { code: "authentication-failed" } });
    await send(sender, "good");
    expect(sender.health()).toEqual({ transport: "scripted", ready: true, backlog: 0 });
  });

  it.each([
    ["unavailable", "unavailable"],
    ["quota-exceeded", "quota-exceeded"],
    ["not-registered", undefined],
    ["invalid-argument", undefined],
    ["expired", undefined],
  ] as const)("after %s has the latest error %s, and is ready", async (code, expected) => {
    const clock = createManualClock();
    const sender = createSender({ transport: scriptedTransport({ one: [code] }, { clock }), clock });
    await send(sender, "one");
    const { ready, lastError } = sender.health();
    expect([ready, lastError?.code]).toEqual([true, expected]);
  });

  it("is not ready while its transport is not, with the transport's reason", () => {
    const transport = scriptedTransport({}, { health: () => ({ ready: false, reason: "no connection is open" }) });
    expect(createSender({ transport }).health()).toMatchObject({ ready: false, reason: "no connection is open" });
  });
});
