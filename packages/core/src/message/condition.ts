import { CloudMessagingError } from "../errors.ts";

/** Most topics one condition may name. Source: docs/protocol/gcm-http.md#conditions */
export const MAX_CONDITION_TOPICS = 5;
/** Deepest nesting of parentheses and `!` read. Implementation limit: five topics never need more. */
const MAX_DEPTH = 32;

/** 1 to 900 of these. Source: docs/protocol/gcm-http.md#topics */
const TOPIC_NAME = /^[a-zA-Z0-9\-_.~%]{1,900}$/;

const SPACE = /\s+/y;
const IN_TOPICS = /\s+in\s+topics(?![a-zA-Z0-9_])/iy;

/** True for a well-formed bare topic name (without `/topics/`). */
export function isTopicName(name: string): boolean {
  return TOPIC_NAME.test(name);
}

/** A condition, read. */
export type ConditionNode =
  | { readonly type: "topic"; readonly name: string }
  | { readonly type: "not"; readonly operand: ConditionNode }
  | { readonly type: "and" | "or"; readonly left: ConditionNode; readonly right: ConditionNode };

/** A condition that cannot be read: what is wrong and where. */
export class ConditionSyntaxError extends CloudMessagingError<"ERR_CONDITION_SYNTAX"> {
  override readonly name = "ConditionSyntaxError";
  /** Offset of the character where reading stopped, from 0. */
  readonly position: number;

  constructor(problem: string, position: number) {
    super("ERR_CONDITION_SYNTAX", `${problem} (at character ${position + 1})`);
    this.position = position;
  }
}

/**
 * Reads a condition such as `'dogs' in topics && ('cats' in topics || !'birds' in topics)`.
 * Parentheses first, then strictly from left to right: `&&` binds no tighter than `||`.
 *
 * Source: docs/protocol/gcm-http.md#conditions
 * @throws {ConditionSyntaxError} when it does not follow the grammar, names more than five topics or nests too deep.
 */
export function parseCondition(text: string): ConditionNode {
  let position = 0;
  let topics = 0;

  const skipSpace = (): void => {
    SPACE.lastIndex = position;
    if (SPACE.test(text)) position = SPACE.lastIndex;
  };
  const fail = (problem: string): never => {
    throw new ConditionSyntaxError(problem, position);
  };

  function expression(depth: number): ConditionNode {
    if (depth > MAX_DEPTH) fail(`nests more than ${MAX_DEPTH} deep`);
    let left = term(depth);
    for (;;) {
      skipSpace();
      const operator = text.slice(position, position + 2);
      if (operator !== "&&" && operator !== "||") return left;
      position += 2;
      left = { type: operator === "&&" ? "and" : "or", left, right: term(depth) };
    }
  }

  function term(depth: number): ConditionNode {
    skipSpace();
    if (depth > MAX_DEPTH) fail(`nests more than ${MAX_DEPTH} deep`);
    if (text[position] === "(") {
      position++;
      const inner = expression(depth + 1);
      skipSpace();
      if (text[position] !== ")") fail("a ) is missing");
      position++;
      return inner;
    }
    if (text[position] === "!") {
      position++;
      return { type: "not", operand: term(depth + 1) };
    }
    return topic();
  }

  function topic(): ConditionNode {
    if (text[position] === '"') fail("topic names stand in single quotes: 'news' in topics");
    if (text[position] !== "'") fail(position >= text.length ? "ends too early" : "expected 'name' in topics, ( or !");
    const end = text.indexOf("'", position + 1);
    if (end === -1) fail("a closing quote is missing");
    const name = text.slice(position + 1, end);
    if (!isTopicName(name)) fail("a topic name has 1 to 900 of the characters a-z A-Z 0-9 - _ . ~ %");
    if (++topics > MAX_CONDITION_TOPICS) fail(`names more than ${MAX_CONDITION_TOPICS} topics`);
    position = end + 1;
    IN_TOPICS.lastIndex = position;
    if (!IN_TOPICS.test(text)) return fail("expected: in topics");
    position = IN_TOPICS.lastIndex;
    return { type: "topic", name };
  }

  const node = expression(0);
  skipSpace();
  if (position < text.length) fail("expected && or ||");
  return node;
}

/** True if a device that subscribes to `topics` meets the condition. */
export function matchesCondition(node: ConditionNode, topics: { has(name: string): boolean }): boolean {
  switch (node.type) {
    case "topic":
      return topics.has(node.name);
    case "not":
      return !matchesCondition(node.operand, topics);
    case "and":
      return matchesCondition(node.left, topics) && matchesCondition(node.right, topics);
    case "or":
      return matchesCondition(node.left, topics) || matchesCondition(node.right, topics);
  }
}
