import { createManualClock, InvalidOptionsError } from "@cloud-messaging/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEmulatorClock } from "./emulator-clock.ts";

describe("the emulator's clock", () => {
  it("follows the clock it stands on, and keeps the lead it was given", async () => {
    const base = createManualClock(1000);
    const clock = createEmulatorClock(base);
    expect(clock.now()).toBe(1000);
    clock.advance(500);
    await base.advance(10);
    expect(clock.now()).toBe(1510);
    expect(clock.offsetMs).toBe(500);
  });

  it("makes calls when their time comes on the clock it stands on", async () => {
    const base = createManualClock();
    const clock = createEmulatorClock(base);
    const calls: string[] = [];
    clock.schedule(100, () => calls.push("late"));
    clock.schedule(50, () => calls.push("early"));
    await base.advance(60);
    expect(calls).toEqual(["early"]);
    await base.advance(60);
    expect(calls).toEqual(["early", "late"]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 9e15])("refuses to go %d milliseconds ahead, and goes on", (byMs) => {
    const clock = createEmulatorClock(createManualClock(1000));
    expect(() => clock.advance(byMs)).toThrow(InvalidOptionsError);
    expect(() => clock.setOffset(byMs)).toThrow(InvalidOptionsError);
    clock.advance(1);
    expect(clock.now()).toBe(1001);
  });

  it("holds one timer however much is scheduled, and none when nothing is", () => {
    const base = createManualClock();
    const clock = createEmulatorClock(base);
    const cancels = Array.from({ length: 1000 }, (_, i) => clock.schedule(1000 - i, () => {}));
    expect(base.scheduled).toBe(1);
    for (const cancel of cancels) cancel();
    expect([base.scheduled, clock.scheduled]).toEqual([0, 0]);
  });

  it("stands at each call's own time while it makes it in a jump", () => {
    const clock = createEmulatorClock(createManualClock(0));
    const seen: number[] = [];
    clock.schedule(10, () => {
      seen.push(clock.now());
      clock.schedule(5, () => seen.push(clock.now()));
    });
    clock.advance(1_000_000);
    expect(seen).toEqual([10, 15]);
    expect(clock.now()).toBe(1_000_000);
  });

  it("makes exactly the calls that are due and not cancelled, in order, whatever was asked for", () => {
    const step = fc.record({ delay: fc.integer({ min: 0, max: 100 }), cancelled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 120 }), (steps, byMs) => {
        const clock = createEmulatorClock(createManualClock(0));
        const made: number[] = [];
        const cancels = steps.map(({ delay }, i) => clock.schedule(delay, () => made.push(i)));
        steps.forEach(({ cancelled }, i) => {
          if (cancelled) cancels[i]?.();
        });
        clock.advance(byMs);
        const expected = steps
          .map(({ delay, cancelled }, i) => ({ delay, cancelled, i }))
          .filter(({ delay, cancelled }) => !cancelled && delay <= byMs)
          .sort((a, b) => a.delay - b.delay || a.i - b.i);
        expect(made).toEqual(expected.map(({ i }) => i));
      }),
    );
  });
});
