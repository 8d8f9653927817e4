import { z } from "zod";
import { isReservedDataKey } from "./payload.ts";
import { describeType } from "./token.ts";

/** The app's own keys and values. Strings only: that is all an app ever receives. Reserved keys are refused. */
export const DataSchema = z
  .custom<Readonly<Record<string, string>>>(() => true)
  .superRefine((data: unknown, context) => {
    if (typeof data !== "object" || data === null || Array.isArray(data)) {
      context.addIssue({ code: "custom", message: `must be an object of strings, not ${describeType(data)}` });
      return;
    }
    for (const [key, value] of Object.entries(data)) {
      const problem = dataProblem(key, value);
      if (problem !== undefined) context.addIssue({ code: "custom", path: [key], message: problem });
    }
  });

function dataProblem(key: string, value: unknown): string | undefined {
  if (key === "") return "a data key must not be empty";
  if (isReservedDataKey(key)) {
    return "is a reserved key: rename it (not from or message_type, nothing that starts with google or gcm)";
  }
  if (typeof value === "string") return undefined;
  const instead =
    typeof value === "object" && value !== null
      ? "write JSON.stringify(value)"
      : value === null || value === undefined
        ? 'leave the key out, or write ""'
        : `write ${JSON.stringify(String(value))}`;
  return `must be a string, not ${describeType(value)}: the app receives strings only, so ${instead}`;
}
