import type { BackoffPolicy } from "@cloud-messaging/core";

/**
 * How the connection server wants to be retried: after 1 s and a random part, doubling; as Retry-After says where it does; at most two
 * minutes in all.
 *
 * Source: docs/retries.md
 */
export const GCM_HTTP_RETRY_POLICY: BackoffPolicy = {
  minMs: 1_000,
  initialMs: 1_000,
  maxMs: 60_000,
  rateLimitedMinMs: 10_000,
  maxAttempts: 6,
  maxResends: 1,
  totalMs: 120_000,
};
