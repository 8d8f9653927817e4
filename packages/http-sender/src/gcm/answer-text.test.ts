import { describe, expect, it } from "vitest";
import { describeBody, errorWordOf } from "./answer-text.ts";

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

  it("has a word only where the body is JSON with an error in it", () => {
    expect(errorWordOf('{"error":"NotRegistered"}')).toBe("NotRegistered");
    expect(errorWordOf('{"error":5}')).toBeUndefined();
    expect(errorWordOf("[]")).toBeUndefined();
    expect(errorWordOf("Error=NotRegistered")).toBeUndefined();
  });
});
