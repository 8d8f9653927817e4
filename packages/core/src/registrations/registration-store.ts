import type { RegistrationToken } from "../message/token.ts";
import type { MaybePromise } from "./maybe-promise.ts";
import type {
  RegisterOptions,
  Registration,
  RegistrationChange,
  RegistrationVerdict,
  TokenState,
} from "./registration.ts";

/** Tokens to send to, and the state of each. Both by the position of the tokens asked for. */
export interface Resolution {
  /** Token to use for each: its canonical ID if one is known, otherwise the token itself. */
  readonly tokens: readonly RegistrationToken[];
  /** State of each of `tokens`. */
  readonly states: readonly TokenState[];
}

/** Request for a page. */
export interface PageQuery {
  /** `next` of the page before; absent for the first page. */
  readonly after?: string | undefined;
  /** Maximum number of entries. Range: 1 to 10000. */
  readonly limit: number;
}

/** Request for a page of registrations that meet the given conditions. */
export interface RegistrationQuery extends PageQuery {
  /** Only this platform, compared exactly. */
  readonly platform?: string | undefined;
  /** Minimum of `lastSeenAt`. Milliseconds since the epoch. */
  readonly seenSince?: number | undefined;
  /** Upper bound of `lastSeenAt`, exclusive. Milliseconds since the epoch. */
  readonly seenBefore?: number | undefined;
}

/** Page of registrations. */
export interface RegistrationPage {
  /** At most `limit` of them. */
  readonly registrations: readonly Registration[];
  /** Cursor of the next page; absent after the last one. Opaque. A page may be short, even empty, and have a next one. */
  readonly next?: string;
}

/** Page of users. */
export interface UserPage {
  /** At most `limit` of them. */
  readonly userIds: readonly string[];
  /** Cursor of the next page; absent after the last one. Opaque. */
  readonly next?: string;
}

/** Counts of stored registrations and users. */
export interface RegistrationCounts {
  /** Number of registrations. A token that two users share counts twice. */
  readonly registrations: number;
  /** Number of users with at least one registration. */
  readonly users: number;
}

/** Page of registrations that were removed because they were not seen. */
export interface RemovedPage {
  /** At most `limit` of them, as they were. */
  readonly removed: readonly Registration[];
  /** True if there may be more to remove or to forget: call again. */
  readonly more: boolean;
}

/** Request for a part of the change feed. */
export interface ChangeQuery {
  /**
   * Cursor of a change or page, to read what follows it. `"oldest"`: from the oldest change that is kept. `"newest"`: only future
   * changes.
   */
  readonly from: string;
  /** Maximum number of changes. Range: 1 to 10000. */
  readonly limit: number;
}

/** Part of the change feed. */
export interface ChangePage {
  /** In the order of the feed. */
  readonly changes: readonly RegistrationChange[];
  /** Position after these changes, also when there are none. Opaque. */
  readonly cursor: string;
}

/**
 * Store of registration tokens by user, and of which token superseded which.
 * A store belongs to one sender ID or project: a token that is dead for one may be valid for another.
 *
 * Every call is atomic; for `apply`, every verdict is. Rules:
 * - **Users of a token.** The latest `register` of a token decides: with `owner: "newest"` only its user has the token, with `"shared"` its user
 *   and those who had it. If a rewrite merges the users of two tokens, the latest of their registrations decides.
 *   Latest means the order in which the store received them, never a clock.
 * - **Installations.** The tokens of a Firebase Installation ID are those that begin with the ID and a colon; ID and tokens are one device. A
 *   stored ID supersedes its tokens, both earlier and later ones. An ID is never derived from a token.
 * - **Rewrites.** A superseded token is not stored; it resolves to its canonical ID in one step. The rewrite is forgotten when the token itself is
 *   registered again, unless its installation ID is stored, and when its canonical ID is found dead.
 * - **Races.** A verdict changes something only if the token still has the state that the attempt was sent with: later registrations and
 *   rewrites stay. No times are compared.
 *
 * Everything but `register`, `unregister` and `touch` is for senders and for the functions of core over a store (`audience`, `prune`,
 * `followChanges`). docs/registrations.md has the table of rules; the suite in `@cloud-messaging/core/testing` checks them all.
 */
export interface RegistrationStore {
  /**
   * Stores that this user's app reported this token, or this Firebase Installation ID, now. Gives the token a new revision and ends
   * suspicion.
   *
   * With `owner: "newest"` a token of other users moves to this user (a `moved` change). Other stored tokens of its installation are
   * removed from other users and kept for this user.
   *
   * @throws {InvalidRegistrationError} naming every problem of the input. Nothing was stored.
   */
  register(userId: string, token: string, options?: RegisterOptions): MaybePromise<void>;

  /**
   * Signs the user out on the device: removes the user's registrations of the token, of its canonical ID if it was superseded, and of other
   * tokens of its installation. Other users keep theirs. Gives a `removed` change for each token, reason `by-caller`.
   *
   * @returns `true` if anything was removed. `false` also for what `register` refuses: nobody has it.
   */
  unregister(userId: string, token: string): MaybePromise<boolean>;

  /**
   * Stores that this user's app was seen now with this token, or with one that it supersedes. Changes only `lastSeenAt`.
   *
   * @returns `false` if the user has no such registration, or it is one that `register` refuses: let the app register.
   */
  touch(userId: string, token: string): MaybePromise<boolean>;

  /** Registrations of a user, in the order in which they were first registered. Empty for an unknown user. */
  registrationsOf(userId: string): MaybePromise<readonly Registration[]>;

  /**
   * Returns the tokens to use, and their states, for any number of tokens, in one round trip. The result may be the given array itself if
   * nothing was superseded.
   */
  resolve(tokens: readonly RegistrationToken[]): MaybePromise<Resolution>;

  /**
   * Stores the results of a send, in one round trip if possible. A verdict on a token that is superseded, or whose revision differs from the
   * given one, changes nothing. A repeated call changes nothing either, except that it counts the refusals of `suspect` again.
   * - `replaced`: every user of the token gets the canonical ID instead. If a user has both, the registration of the canonical ID stays,
   *   with the earlier `registeredAt` and the later `lastSeenAt`. The rewrite is remembered even if the token is not stored. A rewrite in the
   *   opposite direction is forgotten; if the canonical ID was itself superseded, its successor is used. The resulting token has a new revision if it gained a user.
   * - `removed`: the token is removed for every user, and tokens that resolved to it resolve to themselves again.
   * - `suspect`: counts a refusal of a stored token and records a change; when the limit of `removal` is reached, removes the token, reason `suspect`.
   * - `accepted`: stores the time and ends suspicion.
   */
  apply(verdicts: readonly RegistrationVerdict[]): MaybePromise<void>;

  /**
   * Returns a page of all registrations. A registration that is stored and meets the conditions from the first page to the last is on exactly
   * one page, even if its token is rewritten or registered again meanwhile; others are on one page or none.
   */
  registrations(query: RegistrationQuery): MaybePromise<RegistrationPage>;

  /** Returns a page of all users with a registration. A user who has one from the first page to the last is on exactly one page. */
  users(query: PageQuery): MaybePromise<UserPage>;

  /** Counts registrations and users. May be slow. */
  counts(): MaybePromise<RegistrationCounts>;

  /**
   * Removes at most `limit` registrations whose `lastSeenAt` is before `before`, with a `removed` change for each, reason `unseen`. Also
   * forgets rewrites learned before then, and drops expired changes. Call again while `more` is true.
   */
  removeUnseen(query: { readonly before: number; readonly limit: number }): MaybePromise<RemovedPage>;

  /**
   * Reads the change feed. A later change never appears before a cursor that was already returned, even if its transaction took
   * longer than others.
   *
   * @throws {ChangesLostError} changes after the cursor are no longer kept.
   */
  changes(query: ChangeQuery): MaybePromise<ChangePage>;

  /**
   * Calls `wake` when there may be changes to read, and when the store is closed; spurious and late calls are allowed. Without this method
   * the feed is polled every second.
   *
   * @returns Function that stops watching.
   */
  watch?(wake: () => void): () => void;
}
