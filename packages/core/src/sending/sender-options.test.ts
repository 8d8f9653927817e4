import { describe, expect, it } from "vitest";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import { systemClock } from "../time/clock.ts";
import type { SenderOptions } from "./sender.ts";
import { divideOptions } from "./sender-options.ts";

describe("the options of a ready-made sender", () => {
  const ofSender: Required<SenderOptions> = {
    registrations: createMemoryRegistrationStore(),
    suspects: { refusals: 3, overMs: 86_400_000 },
    retry: false,
    maxWaiting: 3,
    ambiguous: "report",
    timeoutMs: 1_000,
    lifeFrom: "attempt",
    clock: systemClock,
    random: () => 0,
  };

  it("are divided into those of every sender and those of its transport, which share clock and chance", () => {
    const divided = divideOptions({ ...ofSender, apiKey: "k" });
    expect(divided.ofSender).toEqual(ofSender);
    expect(divided.ofTransport).toEqual({ apiKey: "k", clock: ofSender.clock, random: ofSender.random });
  });

  it("that are undefined count as left out, and what has an odd name stays with the transport, which refuses it", () => {
    const options = JSON.parse('{"__proto__":1,"apikey":2}') as SenderOptions;
    const { ofSender, ofTransport } = divideOptions({ ...options, ...({ retry: undefined } as object) });
    expect(ofSender).toEqual({});
    expect(Object.keys(ofTransport)).toEqual(["__proto__", "apikey"]);
  });
});
