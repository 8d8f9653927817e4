import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { callListener } from "./call-listener.ts";
import { subscribe } from "./events.ts";

describe("a listener of the application", () => {
  const notices: unknown[] = [];
  const unsubscribe = subscribe("cloud-messaging:notice", (notice) => notices.push(notice));
  beforeEach(() => void notices.splice(0));
  afterAll(unsubscribe);

  it("is called with every value, and an error that it throws is published by its name alone", () => {
    const calls: unknown[] = [];
    callListener("test", "listener-failed", (...values: readonly number[]) => calls.push(values), 1, 2);
    callListener("test", "listener-failed", undefined);
    expect(notices).toEqual([]);
    const failing = (error: unknown) => () => {
      throw error;
    };
    callListener("test", "listener-failed", failing(new RangeError("SECRET")));
    callListener("test", "other-failed", failing("SECRET"));
    expect(calls).toEqual([[1, 2]]);
    expect(notices).toEqual([
      { transport: "test", notice: "listener-failed", detail: "RangeError" },
      { transport: "test", notice: "other-failed", detail: "not an Error" },
    ]);
  });

  it("may be async: a promise that rejects is published likewise, and ends no process", async () => {
    const listener = async (): Promise<never> => Promise.reject(new RangeError("SECRET"));
    callListener("test", "listener-failed", listener);
    expect(notices).toEqual([]);
    await new Promise(setImmediate);
    expect(notices).toEqual([{ transport: "test", notice: "listener-failed", detail: "RangeError" }]);
  });
});
