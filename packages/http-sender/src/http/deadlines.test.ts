import { createManualClock } from "@cloud-messaging/core";
import { plusMs } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { createDeadlines } from "./deadlines.ts";

function setup() {
  const clock = createManualClock(0);
  const deadlines = createDeadlines(clock);
  const expired: string[] = [];
  const start = clock.monotonic();
  const at = (afterMs: number) => plusMs(start, afterMs);
  const entry = (name: string, afterMs: number) => ({
    expiresAt: at(afterMs),
    expire: () => expired.push(`${name}@${clock.now()}`),
  });
  return { clock, deadlines, expired, entry, at };
}

describe("deadlines", () => {
  it("expire each at its time, in whatever order they were added", async () => {
    const { clock, deadlines, expired, entry } = setup();
    for (const [name, at] of [
      ["b", 200],
      ["a", 100],
      ["c", 300],
    ] as const)
      deadlines.add(entry(name, at));
    await clock.advance(1_000);
    expect(expired).toEqual(["a@100", "b@200", "c@300"]);
    expect(clock.scheduled).toBe(0);
  });

  it("share one timer, and leave none behind", async () => {
    const { clock, deadlines, expired, entry } = setup();
    const entries = Array.from({ length: 100 }, (_, n) => entry(`${n}`, 1_000 + n));
    for (const each of entries) deadlines.add(each);
    expect(clock.scheduled).toBe(1);
    for (const each of entries) deadlines.delete(each);
    expect(clock.scheduled).toBe(0);
    await clock.advance(5_000);
    expect(expired).toEqual([]);
  });

  it("go on with what is left when the earliest was deleted", async () => {
    const { clock, deadlines, expired, entry } = setup();
    const first = entry("first", 100);
    deadlines.add(first);
    deadlines.add(entry("second", 500));
    deadlines.delete(first);
    await clock.advance(499);
    expect(expired).toEqual([]);
    await clock.advance(1);
    expect(expired).toEqual(["second@500"]);
  });

  it("take what is added while one expires", async () => {
    const { clock, deadlines, expired, entry, at } = setup();
    deadlines.add({ expiresAt: at(100), expire: () => deadlines.add(entry("late", 150)) });
    deadlines.add(entry("other", 400));
    await clock.advance(1_000);
    expect(expired).toEqual(["late@150", "other@400"]);
  });
});
