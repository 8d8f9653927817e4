import type { FieldProblem } from "@cloud-messaging/core";
import { readInput, z } from "@cloud-messaging/core/transport";
import { MESSAGE_STATES } from "../model/message.ts";

const wholeNumber = (max: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, `must be a whole number from 1 to ${max}`)
    .transform(Number)
    .pipe(z.int().min(1).max(max, `must be a whole number from 1 to ${max}`));
// an empty value is usually an unset variable: treated as "all", it would delete everything
const text = z.string().min(1, "is empty: leave it out to ask for all");

/** Maximum number of messages listed per call. */
const MAX_LISTED = 1000;

const narrowing = {
  state: z.enum(MESSAGE_STATES).describe("Only in this state").optional(),
  protocol: z.enum(["gcm-http", "ccs", "fcm-v1"]).describe("Only over this protocol").optional(),
  to: text.describe("Only to this recipient: a token, /topics/name, a condition, a group's key").optional(),
  search: text
    .describe("Only where the recipient, an ID, the collapse key or the text from the wire contains this text")
    .optional(),
};
const before = wholeNumber(Number.MAX_SAFE_INTEGER).describe("Only those with a smaller ID").optional();

/** Query parameters of the control API. */
const QUERIES = {
  none: z.strictObject({}),
  narrow: z.strictObject({ ...narrowing }),
  narrowBefore: z.strictObject({ before, ...narrowing }),
  list: z.strictObject({
    limit: wholeNumber(MAX_LISTED).describe(`Maximum number, 1 to ${MAX_LISTED}; default 100`).optional(),
    before,
    ...narrowing,
  }),
} as const;

/** Kind of query of the control API. */
export type QueryKind = keyof typeof QUERIES;
/** Parsed query for messages. */
export type MessageQuery = z.output<(typeof QUERIES)["list"]>;

/** Parses a query. Unknown or repeated parameters and empty values are problems. */
export function readQuery(
  kind: QueryKind,
  query: URLSearchParams,
): { readonly value: MessageQuery } | { readonly problems: readonly FieldProblem[] } {
  const schema: z.ZodType<MessageQuery> = QUERIES[kind];
  const names = [...query.keys()];
  const unread = names.filter((name, i) => names.indexOf(name) !== i);
  if (unread.length > 0) return { problems: unread.map((path) => ({ path, problem: "is given more than once" })) };
  // own properties, whatever their names
  const value = Object.fromEntries(query);
  if (Object.hasOwn(value, "__proto__")) {
    return { problems: [{ path: "__proto__", problem: "is not a parameter of this call" }] };
  }
  return readInput(schema, value, { name: "a parameter of this call" });
}

/** Query parameters for the OpenAPI document. */
export function parametersIn(kind: QueryKind): unknown[] {
  const { properties = {} } = z.toJSONSchema(QUERIES[kind], { io: "input" });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as { description?: string };
    return { name, in: "query", required: false, description, schema };
  });
}
