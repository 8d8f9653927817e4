import type { ErrorCode } from "@cloud-messaging/core";
import { type FcmV1ErrorDetail, QUOTA_FAILURE_TYPE } from "@cloud-messaging/core/wire";

/** Kind of recipient that an answer is about: only a device has a token that can be bad. */
export type RecipientKind = "device" | "group" | "topic";

/** Maximum length of text that is searched. Unit: characters. */
const MAX_TEXT = 2_000;
/** Project names, removed since they may contain any of the words below. */
const PROJECT_NAME = /\bprojects?(?:_number|_id)?[:/][^\s/,;]+/gi;
const ABOUT_PROJECT = /per[\s_-]?project|\ball devices\b/i;
const ABOUT_DEVICE = /device|installation|registration[\s_-]?(?:token|id)|per[\s_-]?token|\btoken:/i;
const ABOUT_TOPIC = /topic/i;
const PER_DEVICE = /per[\s_-]?device/i;
const PER_TOPIC = /per[\s_-]?topic/i;

/**
 * Narrows a 429: to the rate of one device or one topic, or to the quota of the project. A `google.rpc.QuotaFailure` says so in its
 * subject, description, metric or quota ID, in words that are not documented; the message of the error counts where there is none.
 *
 * Source: docs/protocol/fcm-v1.md#errors
 */
export function narrowQuota(
  details: readonly FcmV1ErrorDetail[],
  message: string | undefined,
  recipient: RecipientKind,
): ErrorCode {
  const said = details.filter((detail) => detail["@type"] === QUOTA_FAILURE_TYPE).flatMap(wordsOf);
  const text = (said.length > 0 ? said.join("\n") : (message ?? "")).slice(0, MAX_TEXT).replace(PROJECT_NAME, " ");
  const [subject, perOne] = recipient === "topic" ? [ABOUT_TOPIC, PER_TOPIC] : [ABOUT_DEVICE, PER_DEVICE];
  const single = subject.test(text) && (perOne.test(text) || !ABOUT_PROJECT.test(text));
  if (!single) return "quota-exceeded";
  return recipient === "topic" ? "topics-message-rate-exceeded" : "device-message-rate-exceeded";
}

function wordsOf({ violations = [] }: FcmV1ErrorDetail): string[] {
  return violations.flatMap((violation) => [
    ...[violation.subject, violation.description, violation.quotaId, violation.quotaMetric].flatMap(
      (text) => text ?? [],
    ),
    ...Object.keys(violation.quotaDimensions ?? {}),
  ]);
}
