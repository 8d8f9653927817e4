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
  /** Recipient, exactly as the caller gave it: a token, a topic or condition, a notification key. */
  readonly recipient: string;
  /** Number of attempts made for this recipient, those that never reached the service among them; 0 when none was. */
  readonly attempts: number;
  /** Time of the last attempt. Milliseconds since the epoch; absent if nothing was written: no connection, for example. */
  readonly sentAt?: number;
  /** The token really sent to, where a canonical ID known from before took the place of `recipient`. */
  readonly sentTo?: RegistrationToken;
  /** Answer of the service, if there was one. */
  readonly service?: ServiceAnswer;
  /**
   * Number of earlier copies that were written and never answered: any of them may have been accepted, and so have duplicated the
   * message. Absent when 0.
   */
  readonly unansweredCopies?: number;
}

/** The answer to a message to a device group: one message, many devices. */
export interface GroupResult {
  /** Members that the service accepted the message for. */
  readonly success: number;
  /** Members that it did not accept it for. */
  readonly failure: number;
  /** Members it failed for, where the service lists them. */
  readonly failedRegistrationIds: readonly string[];
}

/** The service took the message. Accepted is not delivered. A group message with at least one success counts as accepted. */
export interface AcceptedOutcome extends OutcomeBase {
  readonly kind: "accepted";
  /** HTTP: the ID the service gave. CCS: the `message_id` that was acknowledged. Opaque; every digit kept. */
  readonly messageId?: string;
  /** Token to use from now on; the store has been updated. */
  readonly canonicalRegistrationId?: RegistrationToken;
  /** To a device group: how many of its members. */
  readonly group?: GroupResult;
}

/** The token is not registered any more: it was removed from the store. */
export interface UnregisteredOutcome extends OutcomeBase {
  readonly kind: "unregistered";
  /** Error code of the refusal. */
  readonly code: ErrorCode;
}

/** Not accepted, and worth another try: attempts, time or patience ran out first. Sending again cannot duplicate it. */
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

/** It was written and nothing was heard: the service may have accepted it. Sending again may duplicate it. */
export interface AmbiguousOutcome extends OutcomeBase {
  readonly kind: "ambiguous";
  /** Error code of the missing answer. */
  readonly code: ErrorCode;
  /**
   * The latest copy was refused for now, as `code` says; an earlier one was not answered. CCS alone: `withRetry` tries it again as it
   * would a `retryable` one.
   */
  readonly refused?: true;
  /**
   * The service answered, whole and with a status of success, in words that cannot be read: nearly always an acceptance. `withRetry`
   * sends no further copy.
   */
  readonly answered?: true;
  /** Description of the failure on this side of the wire: end of the connection, for example. */
  readonly detail?: string;
}

/** Refused for good: trying the same again gives the same answer. */
export interface RejectedOutcome extends OutcomeBase {
  readonly kind: "rejected";
  /** Error code of the refusal. */
  readonly code: ErrorCode;
  /** Description of the problem, and its fix. */
  readonly detail?: string;
  /** A device group none of whose members could be sent to. */
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

/** Report of one send: one outcome per recipient, in the order the caller gave them, duplicates included. */
export interface SendReport {
  /** One per recipient, by position. */
  readonly outcomes: readonly RecipientOutcome[];
  /** The registration store failed to take what this report says, or took more than 30 s; the outcomes stand all the same. */
  readonly storeError?: unknown;
}

/** Report of a send to one recipient. */
export interface SingleSendReport extends SendReport {
  /** The one outcome; the same as `outcomes[0]`. */
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
