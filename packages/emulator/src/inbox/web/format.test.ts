import { describe, expect, it } from "vitest";
import { duration, offset, prettyJson, shorten, toneOf } from "./format.ts";

describe("how the inbox writes things", () => {
  it.each([
    [0, "0 s"],
    [59, "59 s"],
    [90, "1 min 30 s"],
    [3600, "1 h"],
    [3601, "1 h"],
    [2_419_200, "4 w"],
    [93_600, "1 d 2 h"],
  ])("a duration of %d s as %j", (seconds, text) => expect(duration(seconds)).toBe(text));

  it.each([
    [0, "+0 ms"],
    [999, "+999 ms"],
    [1250, "+1.25 s"],
    [10_000, "+10 s"],
    [60_000, "+1 min"],
  ])("an offset of %d ms as %j", (ms, text) => expect(offset(ms)).toBe(text));

  it("cuts a long token in its middle", () => {
    expect(shorten("tok-a")).toBe("tok-a");
    const short = shorten(`begin${"x".repeat(100)}end`, 12);
    expect(short).toHaveLength(12);
    expect(short).toMatch(/^begin.*….*end$/);
  });

  it.each([
    ["{}", "{}"],
    ["[ ]", "[]"],
    ['{"a":1,"b":[true,null]}', '{\n  "a": 1,\n  "b": [\n    true,\n    null\n  ]\n}'],
    ['{"id":12345678901234567890,"s":"{[,:\\"]}"}', '{\n  "id": 12345678901234567890,\n  "s": "{[,:\\"]}"\n}'],
    ["data.a=1&registration_id=x", "data.a=1&registration_id=x"],
    ["<message/>", "<message/>"],
  ])("%s with white space, and no number changed", (text, pretty) => expect(prettyJson(text)).toBe(pretty));

  it("says of every state whether it is good", () => {
    expect(["delivered", "receipt-sent", "stored", "rejected", "collapsed"].map(toneOf)).toEqual([
      "good",
      "good",
      "waiting",
      "bad",
      "neutral",
    ]);
  });
});
