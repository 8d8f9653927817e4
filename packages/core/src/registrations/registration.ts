import type { RegistrationToken } from "../message/token.ts";
import type { SuspectCode } from "../outcome/error-code.ts";

/**
 * Revision of a stored token: an opaque value that changes when the token is registered (again), replaces another token, or is removed.
 * `null`: the token is not stored. Only the store compares revisions.
 */
export type Revision = string | number | null;

/** Refusals of a token since it was registered or last accepted a message. */
export interface Suspicion {
  /** Identity of the sender that was refused. A refusal of another sender restarts the count. */
  readonly sender: string;
  /** Number of refusals. */
  readonly refusals: number;
  /** Time of the first of them. Milliseconds since the epoch, by the store's clock. */
  readonly since: number;
}

/** State of a token, shared by all of its users. */
export interface TokenState {
  /** Revision, to be passed back with a verdict on the token. */
  readonly revision: Revision;
  /** Time of an accepted message, at most a day before the last one. Milliseconds since the epoch; absent when none was accepted. */
  readonly acceptedAt?: number;
  /** Refusals so far; absent without any. */
  readonly suspicion?: Suspicion;
}

/** Details that an app reports with its token, all optional. Text must not contain control characters. */
export interface RegistrationDetails {
  /** Platform, for example `android`, `ios` or `web`. Range: at most 32 characters. */
  readonly platform?: string;
  /** Version of the app. At most 64 characters. */
  readonly appVersion?: string;
  /** Language tag of the device's user, for example `pt-BR`. At most 64 characters. */
  readonly locale?: string;
  /** Attributes of your own. Range: at most 16, with names of at most 64 and values of at most 256 characters. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Registration of one token for one user. */
export interface Registration extends RegistrationDetails, TokenState {
  /** ID of the user in your system. */
  readonly userId: string;
  /** Token or installation ID to send to. */
  readonly token: RegistrationToken;
  /** Time of the first report by the app of this user. A rewrite keeps it. Milliseconds since the epoch, by the store's clock. */
  readonly registeredAt: number;
  /** Time of the last report by the app (`register`, `touch`). A rewrite keeps it. Milliseconds since the epoch, by the store's clock. */
  readonly lastSeenAt: number;
}

/**
 * Owner of a token that other users have as well.
 * `"newest"`: only this user, so that messages to the others do not show on this user's screen.
 * `"shared"`: this user and the others, for several accounts on one device at once.
 */
export type TokenOwner = "newest" | "shared";

/** Options of `register`. Details that are left out keep their values. */
export interface RegisterOptions extends RegistrationDetails {
  /** Owner, if other users have the token. @defaultValue `"newest"` */
  readonly owner?: TokenOwner;
}

/**
 * Reason of a removal: a verdict of the service (`not-registered`, `invalid-registration`), the policy on suspects (`suspect`),
 * `unregister` (`by-caller`), or pruning (`unseen`).
 */
export type RemovalReason = "not-registered" | "invalid-registration" | "suspect" | "by-caller" | "unseen";

/** Fields of every change. */
export interface ChangeBase {
  /** Place in the feed: reading from it gives the changes after this one. Opaque. */
  readonly cursor: string;
  /** Milliseconds since the epoch, by the store's clock. Not the order of the feed. */
  readonly at: number;
}

/**
 * Change of the stored registrations that is not the one a caller of `register` asked for.
 */
export type RegistrationChange =
  | (ChangeBase & {
      readonly type: "replaced";
      /** The one that was superseded. */
      readonly token: RegistrationToken;
      /** The one that took its place. */
      readonly canonicalRegistrationId: RegistrationToken;
      /** Users of the superseded one who have the other now. Empty: nobody had it, and the rewrite is remembered all the same. */
      readonly userIds: readonly string[];
    })
  | (ChangeBase & {
      /** A token passed from some users to another. */
      readonly type: "moved";
      /** The token that the previous users had. */
      readonly token: RegistrationToken;
      /** The user who has the device now. One. */
      readonly userIds: readonly string[];
      /** Users who have it no more. At least one. */
      readonly previousUserIds: readonly string[];
    })
  | (ChangeBase & {
      readonly type: "removed";
      /** The one that is no more. */
      readonly token: RegistrationToken;
      /** Reason of the removal. */
      readonly reason: RemovalReason;
      /** Users whose registration it was. At least one. */
      readonly userIds: readonly string[];
    })
  | (ChangeBase & {
      /** Refused in a way that does not prove the token dead: nothing was removed, somebody should look. */
      readonly type: "suspect";
      /** The doubtful one. */
      readonly token: RegistrationToken;
      /** Code of the refusal. */
      readonly reason: SuspectCode;
      /** Refusals so far, this one included. */
      readonly suspicion: Suspicion;
      /** Users whose registration it is. At least one. */
      readonly userIds: readonly string[];
    });

/** Policy for suspects: a token is removed once it was refused so often, over so long, without an accepted message in between. */
export interface SuspectRemoval {
  /** Number of refusals by the same sender. Range: 2 or more. */
  readonly refusals: number;
  /** Time between the first of them and the last. Unit: milliseconds. Range: 0 or more. */
  readonly overMs: number;
}

/**
 * Statement about a token that a send brought. `revision` is that of the token when it was asked for, before the message was sent:
 * a verdict on a token whose state has changed since changes nothing.
 */
export type RegistrationVerdict =
  | {
      readonly type: "replaced";
      readonly token: RegistrationToken;
      readonly revision: Revision;
      readonly canonicalRegistrationId: RegistrationToken;
    }
  | {
      readonly type: "removed";
      readonly token: RegistrationToken;
      readonly revision: Revision;
      readonly reason: "not-registered" | "invalid-registration";
    }
  | {
      readonly type: "suspect";
      readonly token: RegistrationToken;
      readonly revision: Revision;
      readonly reason: SuspectCode;
      /** Identity of the sender that was refused. At most 256 characters. */
      readonly sender: string;
      /** Absent: nothing is removed. */
      readonly removal?: SuspectRemoval;
    }
  | {
      readonly type: "accepted";
      readonly token: RegistrationToken;
      readonly revision: Revision;
    };
