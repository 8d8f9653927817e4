import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { Waiters } from "./waiters.ts";

describe("waiters", () => {
  it("are all resolved by one wake()", async () => {
    const waiters = new Waiters();
    const waits = [waiters.wait(undefined), waiters.wait(undefined)];
    expect(waiters.size).toBe(2);
    waiters.wake();
    await Promise.all(waits);
    expect(waiters.size).toBe(0);
  });

  it("remove themselves when their signal aborts, and share one abort listener", async () => {
    const waiters = new Waiters();
    const stop = new AbortController();
    const waits = Array.from({ length: 50 }, () => waiters.wait(stop.signal));
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
    stop.abort();
    await Promise.all([...waits, waiters.wait(stop.signal)]);
    expect(waiters.size).toBe(0);
  });
});
