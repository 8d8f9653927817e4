import type { z } from "zod";
import { type FieldProblem, pathOf } from "../errors.ts";
import { describeType } from "./token.ts";

/** What people write by habit from the wire and from other libraries, and what it is called here. */
const WIRE_NAMES: Readonly<Record<string, string>> = {
  to: "target",
  registration_ids: "target.tokens",
  registration_id: "target.token",
  registrationTokens: "target.tokens",
  registrationIds: "target.tokens",
  notification_key: "target.notificationKey",
  notificationKey: "target.notificationKey",
  condition: "target.condition",
  token: "target.token",
  tokens: "target.tokens",
  fid: "target.fid",
  topic: "target.topic",
  time_to_live: "timeToLiveSec",
  timeToLive: "timeToLiveSec",
  ttl: "timeToLiveSec",
  delivery_receipt_requested: "deliveryReceiptRequested",
};

/** zod's words for what is wrong, in ours: what it has to be, and what it is. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type": {
      const expected = EXPECTED[issue.expected as string] ?? `a ${issue.expected}`;
      return `must be ${expected}, not ${typeof issue.input === "number" ? String(issue.input) : describeType(issue.input)}`;
    }
    case "too_big":
      return `must be at most ${issue.maximum}`;
    case "too_small":
      return `must be at least ${issue.minimum}`;
    case "invalid_value":
      return `must be ${(issue.values as unknown[]).map((value) => JSON.stringify(value)).join(" or ")}`;
    case "invalid_union":
      return `must be of another type, not ${describeType(issue.input)}`;
    default:
      return undefined;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  array: "an array",
  record: "an object",
};

/**
 * zod's issues as ours.
 *
 * @param isField Whether a name is a field of the message itself: lets a name in the wire's spelling be answered with the right one.
 */
export function problemsOf(error: z.ZodError, isField: (key: string) => boolean = () => false): FieldProblem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: pathOf([...issue.path, key]),
        problem: unknownField(key, issue.path.length, isField),
      }));
    }
    return [{ path: pathOf(issue.path), problem: issue.message }];
  });
}

function unknownField(key: string, depth: number, isField: (key: string) => boolean): string {
  const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const meant =
    depth === 0 ? (WIRE_NAMES[key] ?? (isField(camel) ? camel : undefined)) : camel === key ? undefined : camel;
  return meant === undefined || !/^[\w.]{1,60}$/.test(meant)
    ? "is not a field of a message"
    : `is not a field of a message: write ${meant}`;
}
