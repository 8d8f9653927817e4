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
  /** The token to use instead of each: its canonical ID where a rewrite is known, else the token itself. */
  readonly tokens: readonly RegistrationToken[];
  /** State of each of `tokens`. */
  readonly states: readonly TokenState[];
}

/** Page asked for. */
export interface PageQuery {
  /** `next` of the page before; absent for the first page. */
  readonly after?: string | undefined;
  /** Entries of the page at most. Range: 1 to 10000. */
  readonly limit: number;
}

/** Page of registrations asked for, and the conditions that each of them meets. */
export interface RegistrationQuery extends PageQuery {
  /** Of this platform, exactly. */
  readonly platform?: string | undefined;
  /** `lastSeenAt` is this or later. Milliseconds since the epoch. */
  readonly seenSince?: number | undefined;
  /** `lastSeenAt` is earlier than this. Milliseconds since the epoch. */
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

/** Numbers of what is stored. */
export interface RegistrationCounts {
  /** Registrations: a token that two users share counts twice. */
  readonly registrations: number;
  /** Users with at least one. */
  readonly users: number;
}

/** Registrations that were removed as unseen. */
export interface RemovedPage {
  /** At most `limit` of them, as they were. */
  readonly removed: readonly Registration[];
  /** True if there may be more to remove. */
  readonly more: boolean;
}

/** Part of the change feed asked for. */
export interface ChangeQuery {
  /**
   * Cursor of a change or of a page: what follows it. `"oldest"`: from the oldest change that is kept. `"newest"`: only what is still to
   * come.
   */
  readonly from: string;
  /** Changes at most. Range: 1 to 10000. */
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
 * The mapping an app server keeps: user to registration tokens, and which tokens were superseded by which.
 * A store belongs to one sender ID or project: a token that is dead for one may live for another.
 *
 * Every call is atomic; of `apply`, every verdict. Rules:
 * - **Users of a token.** The latest `register` of a token decides: with `owner: "newest"` its user alone has it, with `"shared"` its user
 *   and those who had it. The same holds where a rewrite brings the users of two tokens together: the latest of their registrations decides.
 *   Latest is by the order in which the store took them, never by a clock.
 * - **Installations.** The tokens of a Firebase Installation ID are those that begin with it and a colon; it and they are one device. An ID
 *   that is stored supersedes its tokens, those stored before and those registered after. An ID is never made up from a token.
 * - **Rewrites.** A superseded token is not stored, and resolves to its canonical ID, in one step. It is forgotten when the token itself is
 *   registered again, unless its installation ID is stored, and when its canonical ID is found dead.
 * - **Races.** A verdict changes something only if the token's state is the one that the attempt was sent with: what was registered or
 *   rewritten since stays. No times are compared for it.
 *
 * Everything but `register`, `unregister` and `touch` is for senders and for the functions of core over a store (`audience`, `prune`,
 * `followChanges`). docs/registrations.md has the table of rules; the suite in `@cloud-messaging/core/testing` checks them all.
 */
export interface RegistrationStore {
  /**
   * Stores that the app of this user reported this token, or this Firebase Installation ID, now. Gives the token a new revision, ends
   * suspicion, and is the user's latest registration of it.
   *
   * A token that others have passes to this user, who is named in a `moved` change (`owner: "newest"`). So do the other stored tokens of
   * its installation: of other users they are removed, those of this user stay.
   *
   * @throws {InvalidRegistrationError} naming everything wrong with the input. Nothing was stored.
   */
  register(userId: string, token: string, options?: RegisterOptions): MaybePromise<void>;

  /**
   * Signs the user out on the device: removes the user's registration of the token, of its canonical ID if it was superseded, and of all
   * else of its installation. Other users keep theirs. A `removed` change for each token, reason `by-caller`.
   *
   * @returns `true` if anything was removed.
   */
  unregister(userId: string, token: string): MaybePromise<boolean>;

  /**
   * Stores that the app of this user was seen now with this token, or with one that it supersedes. Changes `lastSeenAt` alone.
   *
   * @returns `false` if the user has no such registration: let the app register.
   */
  touch(userId: string, token: string): MaybePromise<boolean>;

  /** A user's registrations, in the order in which they were first registered. Empty for a user nobody knows. */
  registrationsOf(userId: string): MaybePromise<readonly Registration[]>;

  /**
   * The tokens to use, and their states, for 1 to 1000 tokens and more, in one round trip. The answer may be the given array itself where
   * nothing was superseded.
   */
  resolve(tokens: readonly RegistrationToken[]): MaybePromise<Resolution>;

  /**
   * Takes what a send brought, in one round trip where that can be. A verdict on a token that is superseded, or whose revision is another
   * one than given, changes nothing; so does a second call with the same.
   * - `replaced`: every user of the token has the canonical ID instead; where a user has both, the registration of the canonical ID stays,
   *   with the earlier `registeredAt` and the later `lastSeenAt`. Remembered also for a token that is not stored. A rewrite the other way round
   *   is forgotten; if the canonical ID was itself superseded, its own takes the place. The token it leads to has a new revision if a user came to it.
   * - `removed`: the token is removed for every user, and what led to it resolves to itself again.
   * - `suspect`: counts a refusal of a stored token, as a change; with a `removal` that is reached, removes it, reason `suspect`.
   * - `accepted`: notes the time and ends suspicion.
   */
  apply(verdicts: readonly RegistrationVerdict[]): MaybePromise<void>;

  /**
   * A page of all registrations. A registration that is stored, and meets the conditions, from the first page to the last is on exactly one
   * of them, even if its token is rewritten or registered again in the meantime; others are on one or none.
   */
  registrations(query: RegistrationQuery): MaybePromise<RegistrationPage>;

  /** A page of all users with a registration. Each who has one from the first page to the last is on exactly one. */
  users(query: PageQuery): MaybePromise<UserPage>;

  /** Counts what is stored. Need not be cheap. */
  counts(): MaybePromise<RegistrationCounts>;

  /**
   * Removes registrations whose `lastSeenAt` is earlier, at most `limit`; a `removed` change for each, reason `unseen`. Forgets rewrites
   * learned before then as well, and lets the store drop changes that it keeps no longer.
   */
  removeUnseen(query: { readonly before: number; readonly limit: number }): MaybePromise<RemovedPage>;

  /**
   * Reads the change feed. A change that was not there yet never comes before a cursor that was given out, also if its transaction took
   * longer than others.
   *
   * @throws {ChangesLostError} changes after the cursor are no longer kept.
   */
  changes(query: ChangeQuery): MaybePromise<ChangePage>;

  /**
   * Calls `wake` when there may be changes to read: now and then for nothing, at worst late. Without it the feed is asked every second.
   *
   * @returns a function that ends it.
   */
  watch?(wake: () => void): () => void;
}
