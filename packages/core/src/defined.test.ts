import { describe, expect, expectTypeOf, it } from "vitest";
import { defined } from "./defined.ts";

describe("defined", () => {
  it("leaves out undefined fields, and no other", () => {
    const fields = { a: undefined, b: null, c: 0, d: "", e: false };
    expect(Object.keys(defined(fields))).toEqual(["b", "c", "d", "e"]);
  });

  it("makes the fields that can be undefined optional", () => {
    const maybe = undefined as number | undefined;
    expectTypeOf(defined({ kind: "x", maybe })).toExtend<{ kind: string; maybe?: number }>();
  });
});
