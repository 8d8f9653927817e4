import type { Clock } from "@cloud-messaging/core";
import { type MonotonicInstant, msBetween } from "@cloud-messaging/core/transport";

/** Connections of one sender that clients were to stay below. Source: docs/emulator-fidelity.md#ccs */
const WARN_ABOVE = 1000;
/** Maximum number of senders whose new connections are counted at the same time. Implementation limit. */
const MAX_COUNTED = 10_000;
const MINUTE_MS = 60_000;

/** Counts the connections of each sender. */
export interface ConnectionLimits {
  /** Counts a connection. @returns The reason to refuse it instead. */
  refuse(senderId: string): string | undefined;
  /** Takes back a counted connection that has ended. */
  closed(senderId: string): void;
}

/** Limits the connections of each sender, in number and per minute. */
export function createConnectionLimits(
  limits: { readonly maxConnectionsPerSender: number; readonly newConnectionsPerMinute: number },
  clock: Clock,
  onViolation: (detail: string) => void,
): ConnectionLimits {
  const open = new Map<string, number>();
  const recent = new Map<string, { readonly since: MonotonicInstant; count: number }>();

  function isTooFast(senderId: string): boolean {
    if (limits.newConnectionsPerMinute === Number.POSITIVE_INFINITY) return false;
    const now = clock.monotonic();
    let counted = recent.get(senderId);
    if (counted === undefined || msBetween(counted.since, now) >= MINUTE_MS) {
      if (recent.size >= MAX_COUNTED) recent.clear();
      counted = { since: now, count: 0 };
      recent.set(senderId, counted);
    }
    return ++counted.count > limits.newConnectionsPerMinute;
  }

  return {
    refuse(senderId) {
      const count = open.get(senderId) ?? 0;
      if (isTooFast(senderId)) return `more than ${limits.newConnectionsPerMinute} new connections in a minute`;
      if (count >= limits.maxConnectionsPerSender) return `the sender has ${count} connections, which is the limit`;
      open.set(senderId, count + 1);
      if (count === WARN_ABOVE) onViolation(`sender ${senderId} has more than ${WARN_ABOVE} connections`);
      return undefined;
    },
    closed(senderId) {
      const count = (open.get(senderId) ?? 1) - 1;
      if (count === 0) open.delete(senderId);
      else open.set(senderId, count);
    },
  };
}
