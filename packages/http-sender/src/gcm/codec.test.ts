import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { cutTokens, encodeContent, encodeMulticast } from "./codec.ts";

const content = (data?: Record<string, string>) =>
  encodeContent(parseDownstreamMessage({ target: { token: "t" }, ...(data === undefined ? {} : { data }) }));
const read = (body: Buffer): unknown => JSON.parse(body.toString("utf8"));

describe("a multicast body", () => {
  it.each([
    ["nothing else", undefined, ["tok-a"]],
    ["ASCII content", { n: "1" }, ["tok-a", "tok-b"]],
    ["content of many bytes per character", { ключ: "👩‍👩‍👧 é \u0000" }, ["tok-a"]],
    ["tokens that JSON has to escape", { n: "1" }, ['to"k', "to\\k", "to/k"]],
  ])("says what it should: %s", (_, data, tokens) => {
    const body = encodeMulticast(content(data), tokens as never);
    expect(read(body)).toEqual({ ...(data === undefined ? {} : { data }), registration_ids: tokens });
  });

  it("keeps what a store of the caller's own puts in, ASCII or not", () => {
    expect(read(encodeMulticast(content({ n: "é" }), ["tök", "😀"] as never))).toEqual({
      data: { n: "é" },
      registration_ids: ["tök", "😀"],
    });
  });
});

describe("cutting a list of tokens", () => {
  const sizesOf = (tokens: readonly string[], text: string, maxTokens: number, maxBytes: number): number[] => {
    let from = 0;
    return cutTokens(text, tokens as never, maxTokens, maxBytes).map((end) => {
      const size = encodeMulticast(text, tokens.slice(from, end) as never).length;
      const withNext = encodeMulticast(text, tokens.slice(from, end + 1) as never).length;
      // as few parts as can be: each ends at a limit
      expect(end === tokens.length || end - from === maxTokens || withNext > maxBytes).toBe(true);
      expect(end - from).toBeLessThanOrEqual(maxTokens);
      from = end;
      return size;
    });
  };

  it.each([
    ["plain tokens", Array.from({ length: 50 }, (_, n) => `tok-${n}`)],
    ["tokens that JSON has to escape", Array.from({ length: 50 }, (_, n) => `${'"\\'.repeat(n % 7)}x`)],
    ["tokens of a store's own", Array.from({ length: 50 }, (_, n) => "é😀\u0001".repeat(n % 5) + n)],
  ])("keeps every body within both limits: %s", (_, tokens) => {
    for (const text of [content(), content({ n: "é" })]) {
      for (let maxBytes = 120; maxBytes < 900; maxBytes += 7) {
        for (const size of sizesOf(tokens, text, 11, maxBytes)) expect(size).toBeLessThanOrEqual(maxBytes);
      }
    }
  });

  it("lets a token go alone that is too long by itself", () => {
    const tokens = ["a", "x".repeat(500), "b", "c"];
    expect(cutTokens(content(), tokens as never, 1000, 100)).toEqual([1, 2, 4]);
  });
});
