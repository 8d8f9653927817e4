import { describe, expect, it } from "vitest";
import { serviceText } from "./service-text.ts";

describe("text of a server", () => {
  it.each([
    ["a\u0000b\r\n\tc", "a b c"],
    ["\u001b[31mred\u001b[0m", "[31mred [0m"],
    ["\u009b2Jx", "2Jx"],
    ["abc\u202egnp.exe", "abc gnp.exe"],
    ["  \n", ""],
    ["key=AIza-x and key=AIza-x", "key=… and key=…"],
    ["x".repeat(300), "x".repeat(300)],
    ["x".repeat(301), `${"x".repeat(299)}…`],
  ])("%j is shown as %j", (text, expected) => {
    expect(serviceText(text, ["AIza-x"])).toBe(expected);
  });

  it("is not cut inside of a character", () => {
    expect(serviceText(`${"x".repeat(298)}${"😀".repeat(10)}`)).toBe(`${"x".repeat(298)}…`);
  });

  it("holds no part of a secret that stands where a long text is cut", () => {
    for (let at = 4_080; at < 4_100; at++) {
      expect(serviceText(`${" ".repeat(at)}AIza-EXAMPLE-secret`, ["AIza-EXAMPLE-secret"])).not.toMatch(/AI/);
    }
  });

  it("leaves a text as it is where the secret is empty", () => {
    expect(serviceText("abc", [""])).toBe("abc");
  });
});
