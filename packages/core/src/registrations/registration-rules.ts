import { isFid, isTokenOfInstallation } from "../message/fid.ts";
import type { RegistrationToken } from "../message/token.ts";
import { canBeRegistered } from "./read-registration.ts";
import type {
  RegisterOptions,
  Registration,
  RegistrationChange,
  RegistrationDetails,
  RegistrationVerdict,
  RemovalReason,
  Revision,
  Suspicion,
  TokenState,
} from "./registration.ts";

/** Registration as a store keeps it. */
export interface StoredRegistration extends RegistrationDetails {
  /** Number of the store's counter at the first registration. A rewrite keeps it: pages go by it. */
  readonly id: number;
  /** Number of the store's counter at the latest registration: the latest decides who has a token. */
  readonly order: number;
  readonly userId: string;
  readonly token: RegistrationToken;
  /** `owner` of the latest registration was `"shared"`. */
  readonly shared: boolean;
  readonly registeredAt: number;
  readonly lastSeenAt: number;
}

type WithoutPlace<T> = T extends unknown ? Omit<T, "cursor" | "at"> : never;
/** Change that has no place in the feed yet. */
export type NewChange = WithoutPlace<RegistrationChange>;

/** Tables of a store, inside one transaction: reads see the writes before them. What is read is not changed in place. */
export interface RegistrationTables {
  /** Counts up: each number is greater than those before. Range: safe integers above 0. */
  nextNumber(): number;
  /** State of a stored token. */
  stateOf(token: RegistrationToken): TokenState | undefined;
  /** Stores the state of a token; with `undefined` the token is no more. */
  setState(token: RegistrationToken, state: TokenState | undefined): void;
  /** Registrations of a token, by `id`. */
  registrationsOfToken(token: RegistrationToken): readonly StoredRegistration[];
  /** Registrations of a user, by `id`. */
  registrationsOfUser(userId: string): readonly StoredRegistration[];
  /** Stored tokens of an installation, without the ID itself and this one, in the order of their characters. */
  tokensOfInstallation(fid: RegistrationToken, except: RegistrationToken): readonly RegistrationToken[];
  /** Stores a registration in place of the one with the same `id`. */
  putRegistration(registration: StoredRegistration, before: StoredRegistration | undefined): void;
  deleteRegistration(registration: StoredRegistration): void;
  /** The canonical ID of a superseded token. */
  rewriteOf(token: RegistrationToken): RegistrationToken | undefined;
  /** Superseded tokens that lead to this one. */
  rewritesTo(canonical: RegistrationToken): readonly RegistrationToken[];
  /** Remembers a rewrite, learned at this time; with `undefined` forgets it. */
  setRewrite(token: RegistrationToken, canonical: RegistrationToken | undefined, at: number): void;
  /** Appends to the change feed. The object is made for this call: what is stored beside it may be added to it. */
  emit(change: NewChange): void;
  /** Called before a registration is added that takes no other's place. Throws `StoreFullError`. */
  assertRoom?(): void;
}

/** The installation ID of a token, or the ID itself; `undefined` for a token without one. */
export function installationOf(token: string): RegistrationToken | undefined {
  if (isFid(token)) return token as RegistrationToken;
  const colon = token.indexOf(":");
  const fid = colon < 0 ? "" : token.slice(0, colon);
  return isFid(fid) && isTokenOfInstallation(token, fid) ? (fid as RegistrationToken) : undefined;
}

/**
 * Rules of the registration store over synchronous tables, each call inside one transaction. A store whose transactions are
 * asynchronous states the same rules in its own language.
 */
export const registrationRules = {
  register,
  unregister,
  touch,
  applyVerdict,
  removeUnseen,
} as const;

/** Rule of `RegistrationStore.register`, for input that was read by `readRegistration`. */
function register(
  tables: RegistrationTables,
  now: number,
  userId: string,
  token: RegistrationToken,
  details: RegisterOptions,
): void {
  const fid = installationOf(token);
  const shared = details.owner === "shared";
  // an ID and its tokens are one device: where the ID is stored, its tokens are not used any more
  const target = fid !== undefined && tables.stateOf(fid) !== undefined ? fid : token;
  const superseded = token === fid ? tables.tokensOfInstallation(fid, fid) : target === token ? [] : [token];
  if (tables.assertRoom !== undefined) {
    const present = [target, ...superseded].flatMap((each) => tables.registrationsOfToken(each));
    if (present.length === 0 || (shared && !present.some((each) => each.userId === userId))) tables.assertRoom();
  }

  if (tables.rewriteOf(target) !== undefined) tables.setRewrite(target, undefined, now);
  const news = superseded.filter((each) => tables.rewriteOf(each) !== target);
  const usersOf = news.map((each) => bringTogether(tables, now, each, target));
  const number = tables.nextNumber();
  const known = tables.registrationsOfToken(target).find((each) => each.userId === userId);
  // field by field: spreads made this the dearest line of a registration
  const reported: Writable<StoredRegistration> = {
    id: known?.id ?? number,
    order: number,
    userId,
    token: target,
    shared,
    registeredAt: known?.registeredAt ?? now,
    lastSeenAt: now,
  };
  if (known !== undefined) setDetails(reported, known);
  setDetails(reported, details);
  tables.putRegistration(reported, known);
  const acceptedAt = tables.stateOf(target)?.acceptedAt;
  tables.setState(target, tokenState(number, acceptedAt, undefined));

  const lost = settleOwners(tables, target);
  news.forEach((each, index) => {
    emitReplaced(tables, each, target, usersOf[index] ?? [], lost);
  });
  if (lost.length > 0) tables.emit({ type: "moved", token: target, userIds: [userId], previousUserIds: lost });
  if (fid === undefined || shared) return;
  for (const other of tables.tokensOfInstallation(fid, target)) {
    const previous = tables.registrationsOfToken(other).filter((each) => each.userId !== userId);
    for (const each of previous) removeRegistration(tables, each);
    const previousUserIds = previous.map((each) => each.userId);
    if (previous.length > 0) tables.emit({ type: "moved", token: other, userIds: [userId], previousUserIds });
  }
}

/** Rule of `RegistrationStore.unregister`. */
function unregister(tables: RegistrationTables, userId: string, token: RegistrationToken): boolean {
  if (!canBeRegistered(userId, token)) return false;
  const target = tables.rewriteOf(token) ?? token;
  const fids = [installationOf(token), installationOf(target)];
  const isOfDevice = (other: RegistrationToken): boolean => {
    const fid = installationOf(other);
    return other === token || other === target || (fid !== undefined && fids.includes(fid));
  };
  const signedOut = tables.registrationsOfUser(userId).filter((each) => isOfDevice(each.token));
  for (const each of signedOut) emitRemoved(tables, each, "by-caller");
  return signedOut.length > 0;
}

/** Rule of `RegistrationStore.touch`. */
function touch(tables: RegistrationTables, now: number, userId: string, token: RegistrationToken): boolean {
  if (!canBeRegistered(userId, token)) return false;
  const target = tables.rewriteOf(token) ?? token;
  const known = tables.registrationsOfToken(target).find((each) => each.userId === userId);
  if (known === undefined) return false;
  tables.putRegistration({ ...known, lastSeenAt: now }, known);
  return true;
}

/** Rule of `RegistrationStore.apply`, for one verdict. */
function applyVerdict(tables: RegistrationTables, now: number, verdict: RegistrationVerdict): void {
  const { token } = verdict;
  const state = tables.stateOf(token);
  if ((state?.revision ?? null) !== verdict.revision || tables.rewriteOf(token) !== undefined) return;
  if (verdict.type === "replaced") replace(tables, now, token, verdict.canonicalRegistrationId, state);
  else if (verdict.type === "removed") removeToken(tables, token, verdict.reason);
  else if (state === undefined) return;
  else if (verdict.type === "accepted") tables.setState(token, { revision: state.revision, acceptedAt: now });
  else {
    const { sender, reason, removal } = verdict;
    const before = state.suspicion?.sender === sender ? state.suspicion : { refusals: 0, since: now };
    const suspicion = { sender, refusals: before.refusals + 1, since: before.since };
    if (removal !== undefined && suspicion.refusals >= removal.refusals && now - suspicion.since >= removal.overMs) {
      removeToken(tables, token, "suspect");
      return;
    }
    tables.setState(token, { ...state, suspicion });
    tables.emit({ type: "suspect", token, reason, suspicion, userIds: usersOfToken(tables, token) });
  }
}

/** Rule of `RegistrationStore.removeUnseen`, for one registration. */
function removeUnseen(tables: RegistrationTables, registration: StoredRegistration): void {
  emitRemoved(tables, registration, "unseen");
}

/** Builds what a store answers with of a registration and the state of its token. */
export function toRegistration(stored: StoredRegistration, state: TokenState): Registration {
  const { userId, token, registeredAt, lastSeenAt } = stored;
  // field by field: it is made for every registration of every send to a user
  const registration: Writable<Registration> = {
    userId,
    token,
    revision: state.revision,
    registeredAt,
    lastSeenAt,
  };
  if (state.acceptedAt !== undefined) registration.acceptedAt = state.acceptedAt;
  if (state.suspicion !== undefined) registration.suspicion = state.suspicion;
  setDetails(registration, stored);
  return registration;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Sets the details that are given. */
function setDetails(registration: Writable<RegistrationDetails>, details: RegistrationDetails): void {
  const { platform, appVersion, locale, attributes } = details;
  if (platform !== undefined) registration.platform = platform;
  if (appVersion !== undefined) registration.appVersion = appVersion;
  if (locale !== undefined) registration.locale = locale;
  if (attributes !== undefined) registration.attributes = attributes;
}

function tokenState(revision: Revision, acceptedAt: number | undefined, suspicion: Suspicion | undefined): TokenState {
  const state: Writable<TokenState> = { revision };
  if (acceptedAt !== undefined) state.acceptedAt = acceptedAt;
  if (suspicion !== undefined) state.suspicion = suspicion;
  return state;
}

function replace(
  tables: RegistrationTables,
  now: number,
  token: RegistrationToken,
  canonical: RegistrationToken,
  state: TokenState | undefined,
): void {
  if (token === canonical) return;
  let target = tables.rewriteOf(canonical) ?? canonical;
  if (target === token) {
    // the answer is newer than the rewrite the other way round
    tables.setRewrite(canonical, undefined, now);
    target = canonical;
  }
  const known = tables.stateOf(target);
  const users = bringTogether(tables, now, token, target);
  if (users.length > 0) {
    const acceptedAt = Math.max(known?.acceptedAt ?? 0, state?.acceptedAt ?? 0);
    const suspicion = known?.suspicion;
    tables.setState(target, tokenState(tables.nextNumber(), acceptedAt === 0 ? undefined : acceptedAt, suspicion));
  }
  const lost = settleOwners(tables, target);
  emitReplaced(tables, token, target, users, lost);
  if (lost.length > 0) {
    tables.emit({ type: "moved", token: target, userIds: usersOfToken(tables, target), previousUserIds: lost });
  }
}

/** Gives the users of a token the target instead, and everything that leads to it. Returns them. */
function bringTogether(
  tables: RegistrationTables,
  now: number,
  token: RegistrationToken,
  target: RegistrationToken,
): string[] {
  const moving = tables.registrationsOfToken(token);
  for (const each of moving) {
    const same = tables.registrationsOfToken(target).find(({ userId }) => userId === each.userId);
    if (same === undefined) {
      tables.putRegistration({ ...each, token: target }, each);
      continue;
    }
    tables.deleteRegistration(each);
    const { order, shared } = each.order > same.order ? each : same;
    const registeredAt = Math.min(each.registeredAt, same.registeredAt);
    const lastSeenAt = Math.max(each.lastSeenAt, same.lastSeenAt);
    tables.putRegistration({ ...same, order, shared, registeredAt, lastSeenAt }, same);
  }
  if (moving.length > 0) tables.setState(token, undefined);
  for (const source of tables.rewritesTo(token)) tables.setRewrite(source, target, now);
  tables.setRewrite(token, target, now);
  return moving.map(({ userId }) => userId);
}

/** Leaves a token to those whom its latest registration leaves it to. Returns the users who lost it. */
function settleOwners(tables: RegistrationTables, token: RegistrationToken): string[] {
  const registrations = tables.registrationsOfToken(token);
  if (registrations.length < 2) return [];
  const latest = registrations.reduce((one, other) => (other.order > one.order ? other : one));
  if (latest.shared) return [];
  const lost = registrations.filter((each) => each !== latest);
  for (const each of lost) tables.deleteRegistration(each);
  return lost.map(({ userId }) => userId);
}

function removeToken(
  tables: RegistrationTables,
  token: RegistrationToken,
  reason: Exclude<RemovalReason, "by-caller" | "unseen">,
): void {
  const registrations = tables.registrationsOfToken(token);
  for (const each of registrations) tables.deleteRegistration(each);
  tables.setState(token, undefined);
  for (const source of tables.rewritesTo(token)) tables.setRewrite(source, undefined, 0);
  if (registrations.length === 0) return;
  tables.emit({ type: "removed", token, reason, userIds: registrations.map(({ userId }) => userId) });
}

/** Removes a registration, and its token with the last one. */
function removeRegistration(tables: RegistrationTables, registration: StoredRegistration): void {
  tables.deleteRegistration(registration);
  const { token } = registration;
  if (tables.registrationsOfToken(token).length === 0) tables.setState(token, undefined);
}

function emitRemoved(tables: RegistrationTables, registration: StoredRegistration, reason: "by-caller" | "unseen") {
  removeRegistration(tables, registration);
  tables.emit({ type: "removed", token: registration.token, reason, userIds: [registration.userId] });
}

function emitReplaced(
  tables: RegistrationTables,
  token: RegistrationToken,
  canonicalRegistrationId: RegistrationToken,
  users: readonly string[],
  lost: readonly string[],
): void {
  const userIds = users.filter((userId) => !lost.includes(userId));
  tables.emit({ type: "replaced", token, canonicalRegistrationId, userIds });
}

function usersOfToken(tables: RegistrationTables, token: RegistrationToken): string[] {
  return tables.registrationsOfToken(token).map(({ userId }) => userId);
}
