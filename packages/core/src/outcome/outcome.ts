import { defined } from "../defined.ts";
import type { Target } from "../message/target.ts";
import type { RegistrationToken } from "../message/token.ts";
import { type ErrorCode, errorRow, type Verdict } from "./error-code.ts";

/** Answer of the service. For logs and support; decide by `kind` and `code`. */
export interface ServiceAnswer {
  /** HTTP status, where there was one. */
  readonly status?: number;
  /** The service's own error string, for example `NotRegistered` or `DEVICE_UNREGISTERED`. */
  readonly error?: string;
  /** Its explanation in words. As all text of a server: at most 300 characters, without control characters. */
  readonly description?: string;
  /** Beginning of the body of an HTTP answer that was no plain acceptance. At most 300 characters, without control characters. */
  readonly body?: string;
  /** Headers of an HTTP answer by which the service's support can find it, and `retry-after`. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `multicast_id` of the request this recipient was in, every digit kept. */
  readonly multicastId?: string;
}

/** Fields of every kind of outcome. */
export interface OutcomeBase {
  /** Recipient as the caller gave it: a token, a topic or condition, a notification key. */
  readonly recipient: string;
  /** Number of attempts for this recipient, including those that did not reach the service. 0: none was made. */
  readonly attempts: number;
  /** Time of the last attempt. Milliseconds since the epoch; absent if nothing was written: no connection, for example. */
  readonly sentAt?: number;
  /** Token that was sent to, if a known canonical ID replaced `recipient`. */
  readonly sentTo?: RegistrationToken;
  /** Answer of the service, if there was one. */
  readonly service?: ServiceAnswer;
  /**
   * Number of earlier copies that were written and never answered: any of them may have been accepted, and so have duplicated the
   * message. Absent when 0.
   */
  readonly unansweredCopies?: number;
}

/** Answer to a message to a device group. */
export interface GroupResult {
  /** Number of members that the message was accepted for. */
  readonly success: number;
  /** Number of members that it was not accepted for. */
  readonly failure: number;
  /** Members that it failed for, if the service lists them. */
  readonly failedRegistrationIds: readonly string[];
}

/** The service accepted the message, which does not mean delivery. A group message with at least one success counts as accepted. */
export interface AcceptedOutcome extends OutcomeBase {
  readonly kind: "accepted";
  /** HTTP: ID that the service assigned. CCS: the acknowledged `message_id`. Opaque text. */
  readonly messageId?: string;
  /** Token to use from now on; the store has been updated. */
  readonly canonicalRegistrationId?: RegistrationToken;
  /** Counts of a message to a device group. */
  readonly group?: GroupResult;
}

/** The token is no longer registered, and was removed from the store. */
export interface UnregisteredOutcome extends OutcomeBase {
  readonly kind: "unregistered";
  /** Error code of the refusal. */
  readonly code: ErrorCode;
}

/** Not accepted when attempts or time ran out; another attempt may succeed, and cannot duplicate the message. */
export interface RetryableOutcome extends OutcomeBase {
  readonly kind: "retryable";
  /** Error code of the failure. */
  readonly code: ErrorCode;
  /** Retry-After of the service, from `sentAt`. Unit: milliseconds. */
  readonly retryAfterMs?: number;
  /** Earliest time of the next attempt. Milliseconds since the epoch. Every sender sets it; a bare transport does not. */
  readonly retryAt?: number;
  /** Description of the failure on this side of the wire: reason of a failed connection, for example. */
  readonly detail?: string;
}

/** Written and never answered: the service may have accepted it, and another attempt may duplicate it. */
export interface AmbiguousOutcome extends OutcomeBase {
  readonly kind: "ambiguous";
  /** Error code of the missing answer. */
  readonly code: ErrorCode;
  /**
   * The latest copy was refused for now, as `code` says, and an earlier one was not answered. CCS only: `withRetry` retries it like a
   * `retryable` one.
   */
  readonly refused?: true;
  /**
   * The service answered completely and with a status of success, but the answer cannot be read: nearly always an acceptance. `withRetry`
   * sends no further copy.
   */
  readonly answered?: true;
  /** Description of the failure on this side of the wire: end of the connection, for example. */
  readonly detail?: string;
}

/** Refused permanently: another attempt would get the same answer. */
export interface RejectedOutcome extends OutcomeBase {
  readonly kind: "rejected";
  /** Error code of the refusal. */
  readonly code: ErrorCode;
  /** Description of the problem, and its fix. */
  readonly detail?: string;
  /** Counts of a message to a device group that was accepted for no member. */
  readonly group?: GroupResult;
}

/** Outcome of a message for one recipient. `switch (outcome.kind)` is exhaustive. */
export type RecipientOutcome =
  | AcceptedOutcome
  | UnregisteredOutcome
  | RetryableOutcome
  | AmbiguousOutcome
  | RejectedOutcome;

/** Every kind of outcome but `accepted`. */
export type FailedOutcome = Exclude<RecipientOutcome, AcceptedOutcome>;

/** The name of a kind of outcome. */
export type OutcomeKind = RecipientOutcome["kind"];

/** Report of one send: one outcome per recipient, in the caller's order, including duplicates. */
export interface SendReport {
  /** One per recipient, by position. */
  readonly outcomes: readonly RecipientOutcome[];
  /** Error of the registration store, which failed to store this report or took more than 30 s. The outcomes are valid nevertheless. */
  readonly storeError?: unknown;
}

/** Report of a send to one recipient. */
export interface SingleSendReport extends SendReport {
  /** The outcome; the same as `outcomes[0]`. */
  readonly outcome: RecipientOutcome;
}

/** Number of outcomes of each kind in a report. */
export type OutcomeCounts = Readonly<Record<OutcomeKind, number>>;

/** Counts the outcomes of a report by kind. */
export function countOutcomes(report: SendReport): OutcomeCounts {
  const counts = { accepted: 0, unregistered: 0, retryable: 0, ambiguous: 0, rejected: 0 };
  for (const { kind } of report.outcomes) counts[kind]++;
  return counts;
}

const KIND_OF_VERDICT: Readonly<Record<Verdict, Exclude<OutcomeKind, "ambiguous">>> = {
  retry: "retryable",
  "back-off": "retryable",
  unregister: "unregistered",
  replace: "accepted",
  reject: "rejected",
  "fix-credentials": "rejected",
};

/** The one place where a verdict becomes a kind of outcome. (`ambiguous` is a fate, not a verdict: no answer came.) */
export function outcomeKindFor(code: ErrorCode): Exclude<OutcomeKind, "ambiguous"> {
  return KIND_OF_VERDICT[errorRow(code).verdict];
}

/** Facts of a failure, beside its code. */
export interface FailureFacts {
  /** As the caller named it. */
  readonly recipient: string;
  /** Milliseconds since the epoch; absent when nothing left. */
  readonly sentAt?: number | undefined;
  /** Answer of the service. */
  readonly service?: ServiceAnswer | undefined;
  /** In words, for people. */
  readonly detail?: string | undefined;
  /** Retry-After of the service. Unit: milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Default 1: what a transport makes. */
  readonly attempts?: number | undefined;
}

/** The outcome of one attempt that the service (or the network before anything was written) answered with a failure. */
export function failureOutcome(code: ErrorCode, facts: FailureFacts): RecipientOutcome {
  const base = outcomeBase(facts);
  switch (outcomeKindFor(code)) {
    case "unregistered":
      return { kind: "unregistered", ...base, code };
    case "rejected":
      return { kind: "rejected", ...base, code, detail: facts.detail ?? errorRow(code).action };
    case "retryable":
      return {
        kind: "retryable",
        ...base,
        code,
        ...defined({ retryAfterMs: facts.retryAfterMs, detail: facts.detail }),
      };
    case "accepted":
      return { kind: "accepted", ...base };
  }
}

/** The outcome of one attempt that was written and never answered. */
export function ambiguousOutcome(code: ErrorCode, facts: FailureFacts): AmbiguousOutcome {
  return {
    kind: "ambiguous",
    ...outcomeBase(facts),
    code,
    ...defined({ detail: facts.detail }),
  };
}

/**
 * Reads an answer about a target: a topic or condition is no registration, so that none is unregistered, in doubt or rewritten,
 * whatever word the service chose. Such a refusal is `invalid-argument`, as over every other protocol.
 */
export function outcomeAbout(target: Target, outcome: RecipientOutcome): RecipientOutcome {
  if (!("topic" in target || "condition" in target)) return outcome;
  if (outcome.kind === "accepted") {
    const { canonicalRegistrationId: _, ...accepted } = outcome;
    return accepted;
  }
  if (outcome.kind !== "unregistered" && outcome.code !== "suspect-registration") return outcome;
  return { ...outcome, kind: "rejected", code: "invalid-argument", detail: errorRow("invalid-argument").action };
}

/** Adds earlier unanswered copies to an outcome. */
export function withUnansweredCopies<T extends RecipientOutcome>(outcome: T, copies: number): T {
  if (copies <= 0) return outcome;
  return { ...outcome, unansweredCopies: (outcome.unansweredCopies ?? 0) + copies };
}

function outcomeBase({ recipient, sentAt, service, attempts = 1 }: FailureFacts): OutcomeBase {
  return defined({ recipient, attempts, sentAt, service });
}
