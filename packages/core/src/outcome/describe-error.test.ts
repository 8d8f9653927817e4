import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { codeOfError, describeError, nameOfError } from "./describe-error.ts";

const refused = (address: string) =>
  Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: "ECONNREFUSED" });

describe("the description of an error", () => {
  it.each<[string, unknown, string]>([
    ["is its message", new Error("no room"), "no room"],
    [
      "ends with its code",
      Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }),
      "socket hang up (ECONNRESET)",
    ],
    ["does not repeat a code that the message has", refused("127.0.0.1:1"), "connect ECONNREFUSED 127.0.0.1:1"],
    [
      "is that of its parts where an aggregate has no message",
      Object.assign(new AggregateError([refused("::1:1"), refused("127.0.0.1:1")]), { code: "ECONNREFUSED" }),
      "connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1",
    ],
    ["is that of its cause where it has no message", new Error("", { cause: new Error("no route") }), "no route"],
    ["has the code of a cause", new Error("failed", { cause: refused("x") }), "failed (ECONNREFUSED)"],
    ["is its code where nothing has a message", Object.assign(new Error(""), { code: "EPIPE" }), "EPIPE"],
    ["is its name where there is nothing else", new TypeError(""), "TypeError"],
    [
      "is found in another realm",
      runInNewContext('Object.assign(new RangeError("far"), { code: "E_FAR" })'),
      "far (E_FAR)",
    ],
    ["is the text that was thrown", "just text", "just text"],
    ["is the type of anything else", undefined, "undefined thrown"],
    ["is the type of an object without a message", {}, "object thrown"],
  ])("%s", (_, error, words) => {
    expect(describeError(error)).toBe(words);
  });

  it("ends, with an error that is its own cause", () => {
    const error = new Error("");
    error.cause = error;
    expect(describeError(error)).toBe("Error");
    expect(codeOfError(error)).toBeUndefined();
  });
});

describe("the name of an error", () => {
  it("is known in every realm, and is never taken from what is no error", () => {
    expect(nameOfError(runInNewContext('new TypeError("x")'))).toBe("TypeError");
    expect(nameOfError("secret")).toBe("not an Error");
    expect(nameOfError({ name: "secret" })).toBe("not an Error");
  });
});
