import { describe, expect, it } from "vitest";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import { withRetry } from "../retry/with-retry.ts";
import { scriptedTransport } from "../scripted-transport.test-support.ts";
import { createSender } from "../sending/create-sender.ts";
import { clockProblem, createManualClock, elapsedMs, systemClock, timeLeftMs, wait } from "./clock.ts";
import { plusMs } from "./monotonic.ts";

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

describe("the two readings of the manual clock", () => {
  it("start apart, so that taking one for the other shows", () => {
    for (const clock of [createManualClock(), createManualClock(0)]) expect(clock.monotonic()).not.toBe(clock.now());
  });

  it("advance together, and only the wall clock is set", async () => {
    const clock = createManualClock(5_000);
    const start = clock.monotonic();
    await clock.advance(1_000);
    clock.setWallClock(100);
    expect(elapsedMs(clock, start)).toBe(1_000);
    await clock.advance(500);
    expect(clock.now()).toBe(600);
    expect(elapsedMs(clock, start)).toBe(1_500);
    expect(timeLeftMs(clock, plusMs(start, 2_000))).toBe(500);
  });

  it.each([
    ["back", -3_600_000],
    ["forward", 3_600_000],
  ])("leave a scheduled call where it is when the wall clock is set %s by an hour", async (_, byMs) => {
    const clock = createManualClock();
    let called = false;
    clock.schedule(1_000, () => {
      called = true;
    });
    clock.setWallClock(clock.now() + byMs);
    await clock.advance(999);
    expect(called).toBe(false);
    await clock.advance(1);
    expect(called).toBe(true);
  });
});

describe("a clock without a monotonic reading", () => {
  const { now, schedule } = systemClock;
  const clock = { now, schedule } as typeof systemClock;

  it("is named by what it lacks", () => {
    expect(clockProblem(clock)).toMatch(/lacks monotonic\(\)/);
    expect(clockProblem(undefined)).toMatch(/lacks now\(\), monotonic\(\), schedule\(\)/);
    expect(clockProblem(systemClock)).toBeUndefined();
    expect(clockProblem(createManualClock())).toBeUndefined();
  });

  it.each([
    ["a sender", () => createSender({ transport: scriptedTransport({}), clock })],
    ["retries", () => withRetry(scriptedTransport({}), { clock })],
    ["a registration store", () => createMemoryRegistrationStore({ clock })],
  ])("is refused by %s", (_, create) => {
    expect(create).toThrowError(
      expect.objectContaining({
        code: "ERR_INVALID_OPTIONS",
        problems: [{ path: "clock", problem: expect.stringContaining("lacks monotonic()") }],
      }),
    );
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
