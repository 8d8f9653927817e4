import type { ErrorCode } from "@cloud-messaging/core";

/** Result of a check of the credentials that sends nothing to anybody. */
export type CredentialCheck =
  | { readonly kind: "valid" }
  /** Refused by the service (401, 403) or by the token endpoint, or not to be had: trying again does not help. */
  | { readonly kind: "invalid"; readonly code: ErrorCode; readonly detail: string }
  /** Not found out: no answer, an answer of another kind. */
  | { readonly kind: "unknown"; readonly code: ErrorCode; readonly detail: string };

/** Refusals that are about the credentials. */
const OF_CREDENTIALS: ReadonlySet<ErrorCode> = new Set(["authentication-failed", "permission-denied"]);

/** A check that did not end in an acceptance. */
export function failedCheck(code: ErrorCode, detail: string = code): CredentialCheck {
  return { kind: OF_CREDENTIALS.has(code) ? "invalid" : "unknown", code, detail };
}
