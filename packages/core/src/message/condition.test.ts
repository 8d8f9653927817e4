import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ConditionNode, ConditionSyntaxError, matchesCondition, parseCondition } from "./condition.ts";

const matches = (text: string, ...topics: string[]) => matchesCondition(parseCondition(text), new Set(topics));

describe("a condition", () => {
  it("is met by one topic", () => {
    expect(matches("'dogs' in topics", "dogs")).toBe(true);
    expect(matches("'dogs' in topics", "cats")).toBe(false);
  });

  it("is read from left to right: && binds no tighter than ||", () => {
    // (a || b) && c, not a || (b && c)
    expect(matches("'a' in topics || 'b' in topics && 'c' in topics", "a")).toBe(false);
    expect(matches("'a' in topics || ('b' in topics && 'c' in topics)", "a")).toBe(true);
  });

  it("knows !, parentheses and any case of IN TOPICS", () => {
    expect(matches("!('a' IN TOPICS) && 'b' In Topics", "b")).toBe(true);
    expect(matches("!!'a' in topics", "a")).toBe(true);
  });

  it("may be written over several lines", () => {
    expect(matches(`'a' in topics\n  || 'b'${" ".repeat(200)}in\ttopics`, "b")).toBe(true);
  });

  it("takes five topics and refuses six", () => {
    const of = (n: number) => Array.from({ length: n }, (_, i) => `'t${i}' in topics`).join(" || ");
    expect(matches(of(5), "t4")).toBe(true);
    expect(() => parseCondition(of(6))).toThrow(/more than 5 topics/);
  });

  it.each([
    ["", /ends too early/],
    ["'a'", /in topics/],
    ["'a' in topic", /in topics/],
    ["a in topics", /expected 'name'/],
    ['"a" in topics', /single quotes/],
    ["'a in topics", /closing quote|1 to 900/],
    ["'a b' in topics", /1 to 900/],
    ["'a' in topics &", /expected && or/],
    ["'a' in topics && ", /ends too early/],
    ["('a' in topics", /\) is missing/],
    ["'a' in topics)", /expected && or/],
    ["'a' in topics 'b' in topics", /expected && or/],
    ["'a' in topicsx", /in topics/],
  ])("refuses %j and says why", (text, problem) => {
    expect(() => parseCondition(text)).toThrow(problem);
    expect(() => parseCondition(text)).toThrow(ConditionSyntaxError);
  });

  it("refuses nesting that would exhaust the stack", () => {
    expect(() => parseCondition("(".repeat(100_000))).toThrow(/deep/);
    expect(() => parseCondition("!".repeat(100_000))).toThrow(/deep/);
  });

  it("never fails in another way, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseCondition(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConditionSyntaxError);
        }
      }),
    );
  });

  it("reads back what a tree was written as", () => {
    const leaf = fc.constantFrom("a", "b", "c").map((name): ConditionNode => ({ type: "topic", name }));
    const tree = fc.oneof(
      leaf,
      leaf.map((operand): ConditionNode => ({ type: "not", operand })),
      fc
        .tuple(fc.constantFrom("and" as const, "or" as const), leaf, leaf)
        .map(([type, left, right]): ConditionNode => ({ type, left, right })),
    );
    const write = (node: ConditionNode): string => {
      if (node.type === "topic") return `'${node.name}' in topics`;
      if (node.type === "not") return `!(${write(node.operand)})`;
      return `(${write(node.left)}) ${node.type === "and" ? "&&" : "||"} (${write(node.right)})`;
    };
    fc.assert(
      fc.property(tree, (node) => {
        expect(parseCondition(write(node))).toEqual(node);
      }),
    );
  });
});
