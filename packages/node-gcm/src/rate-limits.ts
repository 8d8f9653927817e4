import type { ErrorCode, RecipientOutcome } from "@cloud-messaging/core";
import { type DownstreamTransport, errorRow } from "@cloud-messaging/core/transport";

/** Codes of a rate limit of one device or topic, which a wait of the sender does not resolve. */
const OF_ONE: ReadonlySet<ErrorCode> = new Set(["device-message-rate-exceeded", "topics-message-rate-exceeded"]);

/**
 * Reports recipients over their own rate limit at once, where `withRetry` would wait, a minute over v1: the callback has the results of
 * the others as well, and node-gcm never waited. A quota that applies to every recipient is waited for.
 *
 * @param recipients Number of recipients of the whole send: in an attempt to fewer, the others have their outcomes already.
 */
export function reportRateLimits(transport: DownstreamTransport, recipients: number): DownstreamTransport {
  return {
    name: transport.name,
    retryPolicy: transport.retryPolicy,
    async send(message, options) {
      const { outcomes } = await transport.send(message, options);
      const allLimited = outcomes.length === recipients && outcomes.every(isRateLimited);
      return {
        outcomes: outcomes.map((outcome) => (isToBeReported(outcome, allLimited) ? reported(outcome) : outcome)),
      };
    },
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}

function isRateLimited(outcome: RecipientOutcome): boolean {
  return outcome.kind === "retryable" && errorRow(outcome.code).verdict === "back-off";
}

function isToBeReported(outcome: RecipientOutcome, allLimited: boolean): boolean {
  return isRateLimited(outcome) && (!allLimited || ("code" in outcome && OF_ONE.has(outcome.code)));
}

function reported(outcome: RecipientOutcome): RecipientOutcome {
  if (outcome.kind !== "retryable") return outcome;
  const { retryAfterMs: _, retryAt: __, ...rest } = outcome;
  return { ...rest, kind: "rejected" };
}
