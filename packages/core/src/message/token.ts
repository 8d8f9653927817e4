import * as z from "../zod.ts";

/** Longest registration token accepted. Unit: characters. Our choice: real ones have 150 to 300. */
export const MAX_TOKEN_LENGTH = 4096;

// white space, control characters, and nothing outside ASCII: the wire, the URL paths and the logs it goes into are safe with the rest
const NO_TOKEN_CHARACTER = /[^\x21-\x7e]/;

/** Problem of a token; `undefined` for a valid one. */
export function tokenProblem(token: unknown): string | undefined {
  if (typeof token !== "string") return `must be a string, not ${describeType(token)}`;
  if (token === "") return "must not be empty";
  if (token.length > MAX_TOKEN_LENGTH)
    return `has ${token.length} characters, at most ${MAX_TOKEN_LENGTH} are possible`;
  if (NO_TOKEN_CHARACTER.test(token)) return "holds white space, a control character or a character outside ASCII";
  return undefined;
}

/**
 * Names one app on one device (GCM called it a registration ID). Opaque: 1 to 4096 printable ASCII characters.
 * A plain string is accepted everywhere; this type marks one that was checked.
 */
export const RegistrationTokenSchema = z
  .custom<string>(() => true)
  .superRefine((token, context) => {
    const problem = tokenProblem(token);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  })
  .brand<"RegistrationToken">();

/** A checked registration token. */
export type RegistrationToken = z.output<typeof RegistrationTokenSchema>;

/** Redacts a token for events and messages: enough of it to find it in one's own data, too little to send to it. */
export function redactToken(token: string): string {
  return token.length <= 12 ? `${token.slice(0, 2)}…` : `${token.slice(0, 6)}…${token.slice(-2)}`;
}

/** The name of a value's type, for messages. */
export function describeType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return value === undefined ? "undefined" : /^[aeiou]/.test(typeof value) ? `an ${typeof value}` : `a ${typeof value}`;
}
