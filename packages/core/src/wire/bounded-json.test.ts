import { describe, expect, it } from "vitest";
import { parseBoundedJson } from "./bounded-json.ts";

describe("JSON from outside", () => {
  it("is read to a depth of 64", () => {
    const nested = (depth: number): string => `${'{"a":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`;
    expect(JSON.stringify(parseBoundedJson(nested(64)))).toBe(nested(64));
    expect(() => parseBoundedJson(nested(66))).toThrow("nests more than 64 levels deep");
  });

  it("does not nest by brackets inside of a text", () => {
    const text = `${"[{".repeat(100)}\\"${"[".repeat(100)}`;
    expect(parseBoundedJson(`["${text}"]`)).toEqual([text.replaceAll("\\", "")]);
  });

  it.each(["\\", "\\\\", '"', '\\"', '"\\', '[\\"[', "", "]".repeat(70), '"]}'.repeat(70)])(
    "ends a text where it ends: %j",
    (text) => {
      const many = Array.from({ length: 100 }, () => ({ [text]: text }));
      expect(parseBoundedJson(JSON.stringify(many))).toEqual(many);
      const deep = `[${JSON.stringify(text)},${"[".repeat(63)}${"]".repeat(63)}]`;
      expect(JSON.stringify(parseBoundedJson(deep))).toBe(deep);
      expect(() => parseBoundedJson(`[${JSON.stringify(text)},[${deep}]]`)).toThrow("nests more than 64 levels deep");
    },
  );

  it("is refused before it is parsed where it nests too deep: a SyntaxError, as for any other fault", () => {
    expect(() => parseBoundedJson("[".repeat(1_000_000))).toThrow(SyntaxError);
    expect(() => parseBoundedJson("{")).toThrow(SyntaxError);
  });
});
