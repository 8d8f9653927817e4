import type { RecipientOutcome } from "@cloud-messaging/core";
import { type CredentialCheck, failedCheck, PROBE_TOKEN } from "../auth/credential-check.ts";
import type { HttpResult } from "../http/http-client.ts";
import type { GcmHttpFormat } from "./codec.ts";

/** Body of a dry run to a token that cannot exist. */
export function probeBody(format: GcmHttpFormat): string {
  return format === "json"
    ? `{"registration_ids":["${PROBE_TOKEN}"],"dry_run":true}`
    : `registration_id=${PROBE_TOKEN}&dry_run=1`;
}

/** Reads the answer to the probe. One that does not name the token, as this service does, is `unknown`: a proxy or a login page may give it. */
export function readProbe(result: HttpResult, outcome: RecipientOutcome, format: GcmHttpFormat): CredentialCheck {
  if (result.kind === "answer" && result.status === 200 && outcome.kind !== "ambiguous") {
    if (format === "plain-text" || hasResults(result.body)) return { kind: "valid" };
    return failedCheck("invalid-response", "the answer is JSON without a result for the token");
  }
  const code = "code" in outcome ? outcome.code : "invalid-response";
  return failedCheck(code, "detail" in outcome ? outcome.detail : undefined);
}

function hasResults(body: string): boolean {
  try {
    return Array.isArray((JSON.parse(body) as { results?: unknown } | null)?.results);
  } catch {
    return false;
  }
}
