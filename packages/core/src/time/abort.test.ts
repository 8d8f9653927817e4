import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { onAbort, untilAborted } from "./abort.ts";

describe("waiting for a signal", () => {
  it("adds one listener to it, however many wait", () => {
    const abort = new AbortController();
    const called: number[] = [];
    const stops = Array.from({ length: 100 }, (_, n) => onAbort(abort.signal, () => called.push(n)));
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(1);
    stops[7]?.();
    abort.abort();
    expect(called).toHaveLength(99);
    expect(called).not.toContain(7);
  });

  it("calls at once when it has aborted, and never without a signal", () => {
    let called = 0;
    onAbort(AbortSignal.abort(), () => called++);
    onAbort(undefined, () => called++)();
    expect(called).toBe(1);
  });

  it("leaves nothing on it when all have gone, and works again for those who come after", () => {
    const abort = new AbortController();
    onAbort(abort.signal, () => {})();
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
    let called = 0;
    onAbort(abort.signal, () => called++);
    abort.abort();
    expect(called).toBe(1);
  });
});

describe("waiting for a value or a signal", () => {
  it("ends with whichever comes first, and leaves no listener", async () => {
    const abort = new AbortController();
    expect(await untilAborted("now", abort.signal)).toBe("now");
    await expect(untilAborted(Promise.reject(new Error("failed")), abort.signal)).rejects.toThrow("failed");
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
    const never = untilAborted(new Promise(() => {}), abort.signal);
    abort.abort();
    expect(await never).toBeUndefined();
    expect(await untilAborted(Promise.reject(new Error("heard by nobody")), abort.signal)).toBeUndefined();
  });
});
