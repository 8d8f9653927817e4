import { monotonicInstant as at } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { PendingWindow } from "./pending-window.ts";

describe("the pending window", () => {
  it("has the capacity of its limit, released by answers only", () => {
    const window = new PendingWindow<string>(2);
    window.reserve("a", "A", 1_000_000, at(0), 0);
    window.reserve("b", "B", 1_000_000, at(5), 0);
    expect(window.capacity).toBe(0);
    window.expire(at(10));
    expect(window.capacity).toBe(0);
    expect(window.settle("a")).toMatchObject({ value: "A", writtenAt: 1_000_000 });
    expect(window.capacity).toBe(1);
  });

  it("returns undefined for an answer to a message that is not in flight", () => {
    const window = new PendingWindow<string>(2);
    window.reserve("a", "A", 1_000_000, at(0), 0);
    window.settle("a");
    expect(window.settle("a")).toBeUndefined();
    expect(window.settle("b")).toBeUndefined();
  });

  it("expires each late message once, and has the instant of the oldest remaining one", () => {
    const window = new PendingWindow<string>(9);
    window.reserve("a", "A", 1_000_000, at(0), 0);
    window.reserve("b", "B", 1_000_000, at(5), 0);
    window.reserve("c", "C", 1_000_000, at(9), 0);
    expect(window.oldest).toBe(at(0));
    expect(window.expire(at(5)).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(window.expire(at(5))).toEqual([]);
    expect(window.oldest).toBe(at(9));
  });

  it("returns all slots in order of writing when the connection has ended", () => {
    const window = new PendingWindow<string>(9);
    for (const id of ["z", "a", "m"]) window.reserve(id, id, 1_000_000, at(0), 0);
    window.settle("a");
    expect(window.failAll().map(({ id }) => id)).toEqual(["z", "m"]);
    expect(window.size).toBe(0);
  });
});
