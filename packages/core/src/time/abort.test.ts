import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { onAbort } from "./abort.ts";

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
