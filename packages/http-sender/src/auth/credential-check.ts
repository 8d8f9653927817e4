import type { ErrorCode, RegistrationToken } from "@cloud-messaging/core";

/** Result of a check of the credentials, which delivers nothing. */
export type CredentialCheck =
  | { readonly kind: "valid" }
  /** Refused by the service (401, 403) or by the token endpoint, or not available: a retry does not help. */
  | { readonly kind: "invalid"; readonly code: ErrorCode; readonly detail: string }
  /** Undecided: no answer, or one of another kind. */
  | { readonly kind: "unknown"; readonly code: ErrorCode; readonly detail: string };

/** A token that cannot exist: what is sent to it in a check reaches nobody. */
export const PROBE_TOKEN = "ABC" as RegistrationToken;

/** Codes of refusals of the credentials. */
const OF_CREDENTIALS: ReadonlySet<ErrorCode> = new Set(["authentication-failed", "permission-denied"]);

/** Creates the result of a check without an acceptance. */
export function failedCheck(code: ErrorCode, detail: string = code): CredentialCheck {
  return { kind: OF_CREDENTIALS.has(code) ? "invalid" : "unknown", code, detail };
}
