import { StoreFullError } from "../errors.ts";
import type { RegistrationToken } from "../message/token.ts";
import { OrderedEntries } from "./ordered-entries.ts";
import type { TokenState } from "./registration.ts";
import {
  installationOf,
  type NewChange,
  type RegistrationTables,
  type StoredRegistration,
} from "./registration-rules.ts";

/** A stored token. */
interface TokenEntry {
  state: TokenState;
  /** By `id`. Not changed in place: the rules go through it while they change it. */
  registrations: readonly StoredRegistration[];
}

/** A user with a registration. */
export interface UserEntry {
  /** Number of the user's first registration: pages go by it. */
  readonly id: number;
  readonly userId: string;
  /** By `id`. Changed in place: one user may have many. */
  readonly registrations: StoredRegistration[];
}

/** Tables in memory. A call is a transaction: nothing else runs meanwhile. */
export class MemoryTables implements RegistrationTables {
  readonly #maxRegistrations: number;
  readonly #maxRewrites: number;
  readonly emit: (change: NewChange) => void;
  readonly #tokens = new Map<RegistrationToken, TokenEntry>();
  readonly #users = new Map<string, UserEntry>();
  readonly #installations = new Map<string, Set<RegistrationToken>>();
  readonly #rewrites = new Map<RegistrationToken, { readonly canonical: RegistrationToken; readonly at: number }>();
  readonly #sources = new Map<RegistrationToken, Set<RegistrationToken>>();
  readonly allRegistrations = new OrderedEntries<StoredRegistration>();
  readonly allUsers = new OrderedEntries<UserEntry>();
  #number = 0;

  constructor(maxRegistrations: number, maxRewrites: number, emit: (change: NewChange) => void) {
    this.#maxRegistrations = maxRegistrations;
    this.#maxRewrites = maxRewrites;
    this.emit = emit;
  }

  nextNumber(): number {
    return ++this.#number;
  }

  stateOf(token: RegistrationToken): TokenState | undefined {
    return this.#tokens.get(token)?.state;
  }

  setState(token: RegistrationToken, state: TokenState | undefined): void {
    const entry = this.#tokens.get(token);
    if (state === undefined) this.#tokens.delete(token);
    else if (entry === undefined) this.#tokens.set(token, { state, registrations: [] });
    else entry.state = state;
    const fid = installationOf(token);
    if (fid === undefined || fid === token || (entry === undefined) === (state === undefined)) return;
    if (state === undefined) removeFrom(this.#installations, fid, token);
    else addTo(this.#installations, fid, token);
  }

  registrationsOfToken(token: RegistrationToken): readonly StoredRegistration[] {
    return this.#tokens.get(token)?.registrations ?? NONE;
  }

  registrationsOfUser(userId: string): readonly StoredRegistration[] {
    return [...(this.#users.get(userId)?.registrations ?? NONE)];
  }

  tokensOfInstallation(fid: RegistrationToken, except: RegistrationToken): readonly RegistrationToken[] {
    const tokens = this.#installations.get(fid);
    return tokens === undefined ? [] : [...tokens].filter((token) => token !== except).sort();
  }

  putRegistration(registration: StoredRegistration, before: StoredRegistration | undefined): void {
    const { id, userId, token } = registration;
    if (before !== undefined && before.token !== token) this.#takeFromToken(before);
    const entry = this.#tokenEntry(token);
    const registrations = [...entry.registrations];
    put(registrations, registration);
    entry.registrations = registrations;
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = { id, userId, registrations: [] };
      this.#users.set(userId, user);
      this.allUsers.set(id, user);
    }
    put(user.registrations, registration);
    this.allRegistrations.set(id, registration);
  }

  deleteRegistration(registration: StoredRegistration): void {
    this.#takeFromToken(registration);
    this.allRegistrations.delete(registration.id);
    const user = this.#users.get(registration.userId);
    if (user === undefined) return;
    take(user.registrations, registration.id);
    if (user.registrations.length > 0) return;
    this.#users.delete(registration.userId);
    this.allUsers.delete(user.id);
  }

  rewriteOf(token: RegistrationToken): RegistrationToken | undefined {
    return this.#rewrites.get(token)?.canonical;
  }

  rewritesTo(canonical: RegistrationToken): readonly RegistrationToken[] {
    return [...(this.#sources.get(canonical) ?? [])];
  }

  setRewrite(token: RegistrationToken, canonical: RegistrationToken | undefined, at: number): void {
    const before = this.#rewrites.get(token);
    if (before !== undefined) removeFrom(this.#sources, before.canonical, token);
    this.#rewrites.delete(token);
    if (canonical === undefined) return;
    if (this.#rewrites.size >= this.#maxRewrites) this.#forgetOldest();
    this.#rewrites.set(token, { canonical, at });
    addTo(this.#sources, canonical, token);
  }

  /** Forgets the rewrites that were learned before. */
  forgetRewrites(before: number): void {
    for (const [token, { at }] of [...this.#rewrites]) if (at < before) this.setRewrite(token, undefined, 0);
  }

  get hasRewrites(): boolean {
    return this.#rewrites.size > 0;
  }

  get userCount(): number {
    return this.#users.size;
  }

  assertRoom(): void {
    if (this.allRegistrations.size >= this.#maxRegistrations) throw new StoreFullError(this.#maxRegistrations);
  }

  #tokenEntry(token: RegistrationToken): TokenEntry {
    const known = this.#tokens.get(token);
    if (known !== undefined) return known;
    // the rules set its state at the end of the same call
    this.setState(token, UNSET);
    return this.#tokens.get(token) as TokenEntry;
  }

  #takeFromToken({ token, id }: StoredRegistration): void {
    const entry = this.#tokens.get(token);
    if (entry !== undefined) entry.registrations = entry.registrations.filter((each) => each.id !== id);
  }

  /** Forgets the older half at once: the oldest key of a `Map` gets dearer to find with every key deleted before it. */
  #forgetOldest(): void {
    let left = Math.ceil(this.#rewrites.size / 2);
    for (const token of [...this.#rewrites.keys()]) {
      if (left-- === 0) return;
      this.setRewrite(token, undefined, 0);
    }
  }
}

const NONE: readonly StoredRegistration[] = [];
const UNSET: TokenState = { revision: null };

/** Puts a registration into a list by `id`, in place of the one with the same. */
function put(list: StoredRegistration[], registration: StoredRegistration): void {
  const isLast = (list.at(-1)?.id ?? 0) < registration.id;
  const position = isLast ? -1 : list.findIndex(({ id }) => id >= registration.id);
  if (position < 0) list.push(registration);
  else list.splice(position, list[position]?.id === registration.id ? 1 : 0, registration);
}

function take(list: StoredRegistration[], id: number): void {
  const position = list.findIndex((each) => each.id === id);
  if (position >= 0) list.splice(position, 1);
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

function removeFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set?.delete(value) && set.size === 0) sets.delete(key);
}
