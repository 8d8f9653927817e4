import type { BackoffPolicy } from "@cloud-messaging/core";

/**
 * Retry policy of the GCM HTTP connection server: exponential from 1 s with jitter; Retry-After takes precedence; at most two minutes in all.
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
