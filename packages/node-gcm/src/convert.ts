import type { DownstreamMessageInput } from "@cloud-messaging/core";
import { tokenProblem } from "@cloud-messaging/core/transport";

/** Target of a message in the model of core. */
export type Target = DownstreamMessageInput["target"];

/** Recipient as parsed: one of ambiguous kind, a list of tokens, or a target. */
export type Address =
  /** A token or a device group's key, which cannot be told apart. */
  { readonly to: string } | { readonly tokens: readonly string[] } | { readonly target: Target };

/** Parses a recipient. An invalid one gives node-gcm's error: text, or an `Error`. */
export function addressOf(recipient: unknown): Address | { readonly error: string | Error } {
  if (typeof recipient === "string" && recipient !== "") return textAddress(recipient);
  if (Array.isArray(recipient)) {
    const [only] = recipient as unknown[];
    return recipient.length === 1 && typeof only === "string" ? textAddress(only) : tokensAddress(recipient);
  }
  if (typeof recipient !== "object" || recipient === null) {
    return { error: `Invalid recipient (${String(recipient)}, type ${typeof recipient}) provided!` };
  }
  const keys = Object.keys(recipient);
  const [key] = keys;
  if (key === undefined || keys.length > 1) {
    return { error: new Error(`Please specify exactly one recipient key (you specified [${keys.join(",")}])`) };
  }
  const value = (recipient as Record<string, unknown>)[key];
  if (!value) return { error: new Error(`Falsy value for recipient key '${key}'.`) };
  const wrongType = { error: new Error(`Recipient key '${key}' was provided as an incorrect type.`) };
  switch (key) {
    case "to":
      return typeof value === "string" ? textAddress(value) : wrongType;
    case "topic":
    case "condition":
    case "notificationKey":
      // the three have the same names in the model; the compiler forgets a computed one
      return typeof value === "string" ? { target: { [key]: value } as unknown as Target } : wrongType;
    case "registrationIds":
    case "registrationTokens":
      return Array.isArray(value) ? tokensAddress(value) : wrongType;
    default:
      return { error: new Error(`Key '${key}' is not a valid recipient key.`) };
  }
}

function textAddress(to: string): Address {
  return to.startsWith("/topics/") ? { target: { topic: to } } : { to };
}

function tokensAddress(tokens: readonly string[]): Address | { readonly error: string } {
  return tokens.length === 0 ? { error: "No recipient provided!" } : { tokens };
}

/** True for text that cannot be a token. A value of another type invalidates the whole request. */
export function isMalformed(token: unknown): boolean {
  return typeof token === "string" && tokenProblem(token) !== undefined;
}
