import type { RecipientOutcome } from "@cloud-messaging/core";
import { type CredentialCheck, failedCheck, PROBE_TOKEN } from "../auth/credential-check.ts";
import type { RequestFacts } from "./answer.ts";

/** Dry run (`validate_only`) of a message to a token that cannot exist. */
export const CREDENTIAL_PROBE: RequestFacts = {
  recipient: PROBE_TOKEN,
  message: { target: { token: PROBE_TOKEN } },
  body: () => `{"message":{"token":"${PROBE_TOKEN}"},"validate_only":true}`,
};

/**
 * Reads the answer to the probe: a service that validates the message has accepted the credentials.
 *
 * Source: docs/protocol/fcm-v1.md#authentication
 */
export function readProbe(outcome: RecipientOutcome): CredentialCheck {
  if (outcome.kind === "accepted" || outcome.kind === "unregistered") return { kind: "valid" };
  const detail = "detail" in outcome ? outcome.detail : undefined;
  // FCM names what is wrong; a 400 without a name may be a proxy's
  if (outcome.code === "invalid-argument" && outcome.service?.error === "INVALID_ARGUMENT") return { kind: "valid" };
  return failedCheck(outcome.code, detail ?? outcome.service?.description);
}
