import { describe, expect, it } from "vitest";
import { createManualClock, systemClock, wait } from "./clock.ts";

describe("the manual clock", () => {
  it("makes calls in order of their time, and follows waits that start waits", async () => {
    const clock = createManualClock(0);
    const seen: string[] = [];
    clock.schedule(20, () => seen.push(`b ${clock.now()}`));
    clock.schedule(10, () => {
      seen.push(`a ${clock.now()}`);
      clock.schedule(5, () => seen.push(`a2 ${clock.now()}`));
    });
    await clock.advance(30);
    expect(seen).toEqual(["a 10", "a2 15", "b 20"]);
    expect(clock.now()).toBe(30);
  });

  it("does not make a cancelled call", async () => {
    const clock = createManualClock(0);
    let called = false;
    const cancel = clock.schedule(10, () => {
      called = true;
    });
    cancel();
    await clock.advance(100);
    expect(called).toBe(false);
    expect(clock.scheduled).toBe(0);
  });
});

describe("wait", () => {
  it("gives up at once when the signal aborts, and leaves no timer", async () => {
    const clock = createManualClock(0);
    const abort = new AbortController();
    const waiting = wait(clock, 1_000, abort.signal);
    expect(clock.scheduled).toBe(1);
    abort.abort();
    expect(await waiting).toBe(false);
    expect(clock.scheduled).toBe(0);
  });

  it("resolves true when the time has passed", async () => {
    const clock = createManualClock(0);
    const waiting = wait(clock, 1_000);
    await clock.advance(1_000);
    expect(await waiting).toBe(true);
    expect(await wait(systemClock, 0)).toBe(true);
  });
});
