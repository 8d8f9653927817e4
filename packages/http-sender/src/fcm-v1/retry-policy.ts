import type { BackoffPolicy } from "@cloud-messaging/core";

/**
 * Retry policy of FCM HTTP v1: exponential from 10 s; a minute after 429 without Retry-After; at most ten minutes in all.
 *
 * Source: docs/protocol/fcm-v1.md#retries
 */
export const FCM_V1_RETRY_POLICY: BackoffPolicy = {
  minMs: 10_000,
  initialMs: 10_000,
  maxMs: 60_000,
  rateLimitedMinMs: 60_000,
  maxAttempts: Number.POSITIVE_INFINITY,
  maxResends: 1,
  totalMs: 600_000,
};
