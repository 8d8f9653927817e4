import { monotonicInstant as at } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { PendingWindow } from "./pending-window.ts";

describe("the pending window", () => {
  it("has as much room as its limit, and gets it back by answers alone", () => {
    const window = new PendingWindow<string>(2);
    window.reserve("a", "A", 1_000_000, at(0), 0);
    window.reserve("b", "B", 1_000_000, at(5), 0);
    expect(window.capacity).toBe(0);
    window.expire(at(10));
    expect(window.capacity).toBe(0);
    expect(window.settle("a")).toMatchObject({ value: "A", writtenAt: 1_000_000 });
    expect(window.capacity).toBe(1);
  });

  it("knows an answer to what is not pending, or was answered already", () => {
    const window = new PendingWindow<string>(2);
    window.reserve("a", "A", 1_000_000, at(0), 0);
    window.settle("a");
    expect(window.settle("a")).toBeUndefined();
    expect(window.settle("b")).toBeUndefined();
  });

  it("tells each late message once, and when the next one is due", () => {
    const window = new PendingWindow<string>(9);
    window.reserve("a", "A", 1_000_000, at(0), 0);
    window.reserve("b", "B", 1_000_000, at(5), 0);
    window.reserve("c", "C", 1_000_000, at(9), 0);
    expect(window.oldest).toBe(at(0));
    expect(window.expire(at(5)).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(window.expire(at(5))).toEqual([]);
    expect(window.oldest).toBe(at(9));
  });

  it("gives back everything in the order it was written when the connection is gone", () => {
    const window = new PendingWindow<string>(9);
    for (const id of ["z", "a", "m"]) window.reserve(id, id, 1_000_000, at(0), 0);
    window.settle("a");
    expect(window.failAll().map(({ id }) => id)).toEqual(["z", "m"]);
    expect(window.size).toBe(0);
  });
});
