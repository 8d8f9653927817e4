import { describe, expect, it } from "vitest";
import { describeBody, errorText, errorWordOf } from "./answer-text.ts";

describe("what a body says in a line", () => {
  it.each([
    ['Missing "registration_ids" field\n', 'Missing "registration_ids" field'],
    ["<html><head><title>Unauthorized</title></head><body>x</body></html>", "Unauthorized"],
    ["<!doctype html><title> </title><p>Bad <b>gateway</b>", "Bad gateway"],
    ['{"error":"InvalidParameters"}', "InvalidParameters"],
    ['{"error":{"code":403,"message":"No","status":"PERMISSION_DENIED"}}', "No"],
    ['{"error":', '{"error":'],
    ["a\u0000b\r\n\tc", "a b c"],
    ["  \n", undefined],
    ["", undefined],
    ["key=AIza-x and key=AIza-x", "key=… and key=…"],
  ])("%j says %j", (body, expected) => {
    expect(describeBody(body, "AIza-x")).toBe(expected);
  });

  it("is cut to 300 characters", () => {
    expect(describeBody("x".repeat(1_000_000), "AIza")).toHaveLength(300);
  });

  it.each([["<"], ["<title"], ["<title>"], ["<html "], ["<!"]])(
    "is found without looking at a hostile page over and over: %j, 64 KB of it",
    (part) => {
      // a page that makes the search quadratic costs seconds apiece; of these there are a hundred
      for (let n = 0; n < 100; n++) {
        const page = `<html>${part.repeat(65_536 / part.length)}`;
        expect((describeBody(page, "AIza") ?? "").length).toBeLessThanOrEqual(300);
      }
    },
  );

  it("holds no part of a secret that stands where a long body is cut", () => {
    for (let at = 4_080; at < 4_100; at++) {
      expect(describeBody(`${" ".repeat(at)}AIza-EXAMPLE-secret`, "AIza-EXAMPLE-secret") ?? "").not.toMatch(/AI/);
    }
  });

  it.each([
    ["Unavailable", "Unavailable"],
    ["Internal Server Error", "Internal Server Error"],
    ["bad key=AIza", "bad key=…"],
    ["myAIzakey", "my…key"],
    ["x".repeat(100_000), `${"x".repeat(299)}…`],
  ])("an error word is shown without secrets and in bounds: %#", (word, expected) => {
    expect(errorText(word, "AIza")).toBe(expected);
  });

  it("has a word only where the body is JSON with an error in it", () => {
    expect(errorWordOf('{"error":"NotRegistered"}')).toBe("NotRegistered");
    expect(errorWordOf('{"error":5}')).toBeUndefined();
    expect(errorWordOf("[]")).toBeUndefined();
    expect(errorWordOf("Error=NotRegistered")).toBeUndefined();
  });
});
