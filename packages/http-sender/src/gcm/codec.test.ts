import { parseDownstreamMessage } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { encodeContent, encodeMulticast } from "./codec.ts";

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
