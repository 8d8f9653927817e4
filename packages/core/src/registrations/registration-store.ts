import type { RegistrationToken } from "../message/token.ts";
import { isSuspectCode, type SuspectCode } from "../outcome/error-code.ts";
import type { RecipientOutcome, SendReport } from "../outcome/outcome.ts";

/** Reason of a removal: a verdict of the service, or a call of the app server. */
export type RemovalReason = "not-registered" | "invalid-registration" | "by-caller";

/** One registration of one user. */
export interface Registration {
  /** ID of the user: a key of the app server's own. */
  readonly userId: string;
  /** Token or installation ID to send to. */
  readonly token: RegistrationToken;
  /** Time of the last report by the app, or of the last answer that named it as canonical. Milliseconds since the epoch. */
  readonly registeredAt: number;
}

/** Change of the stored registrations. `sequence` counts up by one from change to change. */
export type RegistrationChange =
  | {
      readonly type: "replaced";
      /** Counts up by one from change to change. */
      readonly sequence: number;
      /** The one that was superseded. */
      readonly token: RegistrationToken;
      /** The one that took its place. */
      readonly canonicalRegistrationId: RegistrationToken;
      /** Users whose registration it was. Empty: the token was not stored, and the rewrite is remembered all the same. */
      readonly userIds: readonly string[];
    }
  | {
      readonly type: "removed";
      /** Counts up by one from change to change. */
      readonly sequence: number;
      /** The one that is no more. */
      readonly token: RegistrationToken;
      /** Reason of the removal. */
      readonly reason: RemovalReason;
      /** Users whose registration it was. */
      readonly userIds: readonly string[];
    }
  | {
      /** Refused in a way that does not prove the token dead: nothing was removed, somebody should look. */
      readonly type: "suspect";
      /** Counts up by one from change to change. */
      readonly sequence: number;
      /** The doubtful one. */
      readonly token: RegistrationToken;
      /** Code of the refusal. */
      readonly reason: SuspectCode;
      /** Users whose registration it is. */
      readonly userIds: readonly string[];
    };

/** A value, or a promise of it: a store in memory need not make anybody wait. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * The mapping an app server keeps: user to registration tokens, and which tokens were superseded by which.
 * A store belongs to one sender ID or project: a token that is dead for one may live for another.
 *
 * Every change that the service caused carries `sentAt`, the time its attempt was sent; a registration stored later than that stays
 * as it is, so that a late answer cannot undo a new registration.
 */
export interface RegistrationStore {
  /**
   * Stores that the app of this user reported this token, or this Firebase Installation ID, now.
   * An ID supersedes the user's tokens of the same installation (those that begin with the ID and a colon), as a canonical ID does:
   * they are rewritten to it, and such a token registered later leads to the ID. An ID is never made up from a token.
   */
  register(userId: string, token: string): MaybePromise<void>;
  /** A user's registrations, the oldest first. Empty for a user nobody knows. */
  registrationsOf(userId: string): MaybePromise<readonly Registration[]>;
  /** The token to use instead of each, by position: its canonical ID where a rewrite is known, else the token itself. */
  resolve(tokens: readonly RegistrationToken[]): MaybePromise<readonly RegistrationToken[]>;
  /** The service named a canonical ID: rewrites the token for every user who has it; merges where a user has both. */
  replace(token: RegistrationToken, canonicalRegistrationId: RegistrationToken, sentAt: number): MaybePromise<void>;
  /** Removes the token for every user who has it. */
  remove(token: RegistrationToken, reason: RemovalReason, sentAt: number): MaybePromise<void>;
  /** Reports the token as doubtful; changes nothing. */
  suspect(token: RegistrationToken, reason: SuspectCode): MaybePromise<void>;
}

/**
 * Tells the store what a report says: rewrites, removals, suspicions. Everything else changes nothing. Goes by the token really sent to;
 * changes are begun in the order of the outcomes, and one that fails keeps no other from being made.
 *
 * @throws {AggregateError} the store failed; `errors` has each failure.
 */
export function applyReport(report: SendReport, store: RegistrationStore): MaybePromise<void> {
  const failures: unknown[] = [];
  const waiting: Promise<unknown>[] = [];
  for (const outcome of report.outcomes) {
    // nearly all of them
    if (outcome.kind === "accepted" && outcome.canonicalRegistrationId === undefined) continue;
    try {
      const done = applyOutcome(outcome, store);
      if (isPromiseLike(done)) waiting.push(Promise.resolve(done).catch((error: unknown) => failures.push(error)));
    } catch (error) {
      failures.push(error);
    }
  }
  if (waiting.length > 0) return Promise.all(waiting).then(() => throwAll(failures));
  throwAll(failures);
}

function applyOutcome(outcome: RecipientOutcome, store: RegistrationStore): MaybePromise<void> {
  const token = (outcome.sentTo ?? outcome.recipient) as RegistrationToken;
  const sentAt = outcome.sentAt ?? 0;
  switch (outcome.kind) {
    case "accepted":
      if (outcome.canonicalRegistrationId === undefined || outcome.canonicalRegistrationId === token) return;
      return store.replace(token, outcome.canonicalRegistrationId, sentAt);
    case "unregistered":
      return store.remove(token, outcome.code === "invalid-registration" ? outcome.code : "not-registered", sentAt);
    case "rejected":
      if (isSuspectCode(outcome.code)) return store.suspect(token, outcome.code);
  }
}

/** True for a promise or any other thenable. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function throwAll(failures: readonly unknown[]): void {
  if (failures.length > 0) throw new AggregateError(failures, "The registration store failed");
}
