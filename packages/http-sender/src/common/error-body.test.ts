import { describe, expect, it } from "vitest";
import { answerOf, errorText, readErrorBody, statusOf } from "./error-body.ts";

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
    expect(readErrorBody(body, "AIza-x").description).toBe(expected);
  });

  it("is cut to 300 characters", () => {
    expect(readErrorBody("x".repeat(1_000_000), "AIza").description).toHaveLength(300);
  });

  it.each([["<"], ["<title"], ["<title>"], ["<html "], ["<!"], ["["], ['{"error":'], [" "], ["AIza"]])(
    "is found without looking at a hostile page over and over: %j, 4 MiB of it",
    (part) => {
      const page = part.repeat(4_194_304 / part.length);
      // each character looked at once takes milliseconds; looked at again for each other one, hours
      for (const text of [page, `<html>${page}`, page.slice(0, 65_536)]) {
        expect((readErrorBody(text, "AIza").description ?? "").length).toBeLessThanOrEqual(300);
      }
    },
  );

  it("holds no part of a secret that stands where a long body is cut", () => {
    for (let at = 4_080; at < 4_100; at++) {
      const { description = "" } = readErrorBody(`${" ".repeat(at)}AIza-EXAMPLE-secret`, "AIza-EXAMPLE-secret");
      expect(description).not.toMatch(/AI/);
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
    expect(readErrorBody('{"error":"NotRegistered"}', "").word).toBe("NotRegistered");
    expect(readErrorBody('{"error":5}', "").word).toBeUndefined();
    expect(readErrorBody("[]", "").word).toBeUndefined();
    expect(readErrorBody("Error=NotRegistered", "").word).toBeUndefined();
  });
});

describe("what is kept of an answer", () => {
  it("is its status, the headers that matter and the beginning of its body, bounded and without secrets", () => {
    const headers = {
      "retry-after": "7",
      "x-request-id": `a\u001b[31m${"b".repeat(1_000)}`,
      "set-cookie": ["s=1"],
      date: "x",
    };
    expect(
      answerOf(
        { kind: "answer", status: 503, headers, body: `key=AIza \u001b[2J${"x".repeat(30_000)}`, sentAt: 0 },
        "AIza",
      ),
    ).toEqual({
      status: 503,
      headers: { "retry-after": "7", "x-request-id": `a [31m${"b".repeat(293)}…` },
      body: `key=… [2J${"x".repeat(290)}…`,
    });
    expect(statusOf({ status: 200, headers: {} })).toEqual({ status: 200 });
  });
});
