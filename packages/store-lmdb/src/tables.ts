import type { RegistrationToken } from "@cloud-messaging/core";
import {
  installationOf,
  type NewChange,
  type RegistrationTables,
  type StoredRegistration,
  type TokenState,
} from "@cloud-messaging/core/transport";
import type { Environment, Table } from "@cloud-messaging/lmdb";
import {
  type AgeKey,
  fromRegistrationRow,
  LEARNED,
  type Numbers,
  type RegistrationRow,
  SEEN,
  type TokenEntry,
  type TokenRow,
  tokenKey,
  tokenOfRow,
  toRegistrationRow,
  toTokenEntry,
  toTokenRow,
} from "./layout.ts";

/** Change as the table `changes` keeps it, by its place. */
export type KeptChange = NewChange & { readonly at: number };

/** Tables of the database. */
export interface LmdbTables {
  readonly meta: Table<unknown, string>;
  /** By `id`: pages go by it. */
  readonly registrations: Table<RegistrationRow, number>;
  /** By user: the `id` of each registration. */
  readonly users: Table<number, string>;
  readonly tokens: Table<TokenRow, string>;
  /** By canonical ID and superseded token. */
  readonly sources: Table<true, [string, string]>;
  readonly ages: Table<true, AgeKey>;
  readonly changes: Table<KeptChange, number>;
}

export function openTables(environment: Environment): LmdbTables {
  return {
    meta: environment.table("meta"),
    registrations: environment.table("registrations"),
    users: environment.table("users", { dupSort: true, encoding: "ordered-binary" }),
    tokens: environment.table("tokens"),
    sources: environment.table("sources"),
    ages: environment.table("ages"),
    changes: environment.table("changes", { encoding: "json" }),
  };
}

const NO_NUMBERS: Numbers = { counter: 0, users: 0, lastChange: 0, oldestChange: 1 };

/** Reads the store's numbers. */
export function readNumbers({ meta }: LmdbTables): Numbers {
  return (meta.get("numbers") as Numbers | undefined) ?? NO_NUMBERS;
}

/** Tables inside a transaction. What it has read or written is remembered until the end of the transaction. */
export class TransactionTables implements RegistrationTables {
  readonly #tables: LmdbTables;
  readonly #now: () => number;
  readonly #maxChanges: number;
  // new ones for each transaction: a Map that is cleared leaves its old table behind, which keeps the next one from the young generation's
  // collector, and that the one after it
  #registrations = new Map<number, StoredRegistration>();
  #tokens = new Map<RegistrationToken, TokenEntry>();
  /** Those that are to be written. */
  readonly #dirty: TokenEntry[] = [];
  #numbers: Numbers = NO_NUMBERS;

  /** @param maxChanges Changes kept. */
  constructor(tables: LmdbTables, now: () => number, maxChanges: number) {
    this.#tables = tables;
    this.#now = now;
    this.#maxChanges = maxChanges;
  }

  begin(): void {
    // what an attempt left that was taken back
    this.#forget();
    this.#dirty.length = 0;
    this.#numbers = { ...readNumbers(this.#tables) };
  }

  end(): void {
    this.#writeTokens();
    this.#tables.meta.put("numbers", this.#numbers);
    this.#forget();
  }

  nextNumber(): number {
    return ++this.#numbers.counter;
  }

  stateOf(token: RegistrationToken): TokenState | undefined {
    return this.#entry(token).state;
  }

  setState(token: RegistrationToken, state: TokenState | undefined): void {
    const entry = this.#change(token);
    if ((entry.state === undefined) !== (state === undefined)) {
      const fid = installationOf(token);
      if (fid !== undefined && fid !== token) this.#change(fid).tokens += state === undefined ? -1 : 1;
    }
    entry.state = state;
  }

  registrationsOfToken(token: RegistrationToken): readonly StoredRegistration[] {
    return this.#entry(token).ids.map((id) => this.registration(id));
  }

  registrationsOfUser(userId: string): readonly StoredRegistration[] {
    return [...this.#tables.users.getValues(userId)].map((id) => this.registration(id));
  }

  tokensOfInstallation(fid: RegistrationToken, except: RegistrationToken): readonly RegistrationToken[] {
    const others = this.#entry(fid).tokens - (except !== fid && this.#entry(except).state !== undefined ? 1 : 0);
    if (others === 0) return [];
    this.#writeTokens();
    const found: RegistrationToken[] = [];
    for (const { key, value } of this.#tables.tokens.getRange({ start: `${fid}:`, end: `${fid};` })) {
      const token = tokenOfRow(key, value);
      if (value[0] !== null && token !== except) found.push(token);
    }
    return found;
  }

  putRegistration(registration: StoredRegistration, before: StoredRegistration | undefined): void {
    const { id, userId, token, lastSeenAt } = registration;
    const { users, ages, registrations } = this.#tables;
    if (before === undefined) {
      if (!users.doesExist(userId)) this.#numbers.users++;
      users.put(userId, id);
    }
    if (before?.token !== token) {
      if (before !== undefined) this.#takeFromToken(before);
      const entry = this.#change(token);
      entry.ids = entry.ids.length === 0 ? [id] : [...entry.ids, id].sort((one, other) => one - other);
    }
    if (before?.lastSeenAt !== lastSeenAt) {
      if (before !== undefined) ages.remove([SEEN, before.lastSeenAt, id]);
      ages.put([SEEN, lastSeenAt, id], true);
    }
    registrations.put(id, toRegistrationRow(registration));
    this.#registrations.set(id, registration);
  }

  deleteRegistration(registration: StoredRegistration): void {
    const { id, userId, lastSeenAt } = registration;
    const { users, ages, registrations } = this.#tables;
    this.#takeFromToken(registration);
    users.remove(userId, id);
    if (!users.doesExist(userId)) this.#numbers.users--;
    ages.remove([SEEN, lastSeenAt, id]);
    registrations.remove(id);
    this.#registrations.delete(id);
  }

  rewriteOf(token: RegistrationToken): RegistrationToken | undefined {
    return this.#entry(token).rewrite?.canonical;
  }

  rewritesTo(canonical: RegistrationToken): readonly RegistrationToken[] {
    const { key } = this.#entry(canonical);
    const sources = [...this.#tables.sources.getKeys({ start: [key, ""], end: [key, "\u007f"] })];
    return sources.map(([, source]) => this.#tokenAt(source));
  }

  setRewrite(token: RegistrationToken, canonical: RegistrationToken | undefined, at: number): void {
    const { sources, ages } = this.#tables;
    const entry = this.#change(token);
    const { key } = entry;
    if (entry.rewrite !== undefined) {
      sources.remove([this.#entry(entry.rewrite.canonical).key, key]);
      ages.remove([LEARNED, entry.rewrite.at, key]);
    }
    entry.rewrite = canonical === undefined ? undefined : { canonical, at };
    if (canonical === undefined) return;
    sources.put([this.#entry(canonical).key, key], true);
    ages.put([LEARNED, at, key], true);
  }

  emit(change: NewChange): void {
    const { changes } = this.#tables;
    const numbers = this.#numbers;
    changes.put(++numbers.lastChange, Object.assign(change, { at: this.#now() }));
    for (; numbers.lastChange - numbers.oldestChange >= this.#maxChanges; numbers.oldestChange++) {
      changes.remove(numbers.oldestChange);
    }
  }

  /** The registration with this `id`, which is stored. */
  registration(id: number): StoredRegistration {
    const known = this.#registrations.get(id);
    if (known !== undefined) return known;
    const row = this.#tables.registrations.get(id);
    if (row === undefined) throw new Error(`registration ${id} is not there, though a table names it`);
    const registration = fromRegistrationRow(id, row);
    this.#registrations.set(id, registration);
    return registration;
  }

  /** Registrations last seen before a time, the longest ago first. */
  unseenSince(before: number, limit: number): StoredRegistration[] {
    const { ages } = this.#tables;
    return [...ages.getKeys({ ...agesUntil(SEEN, before), limit })].map(([, , id]) => this.registration(id as number));
  }

  /** Forgets rewrites learned before a time, the oldest first. Returns their number. */
  forgetRewrites(before: number, limit: number): number {
    const keys = [...this.#tables.ages.getKeys({ ...agesUntil(LEARNED, before), limit })];
    for (const [, , key] of keys) this.setRewrite(this.#tokenAt(key as string), undefined, 0);
    return keys.length;
  }

  #forget(): void {
    this.#registrations = new Map();
    this.#tokens = new Map();
  }

  #takeFromToken({ id, token }: StoredRegistration): void {
    const entry = this.#change(token);
    entry.ids = entry.ids.filter((each) => each !== id);
  }

  #entry(token: RegistrationToken): TokenEntry {
    let entry = this.#tokens.get(token);
    if (entry === undefined) {
      const key = tokenKey(token);
      entry = toTokenEntry(token, key, this.#tables.tokens.get(key));
      this.#tokens.set(token, entry);
    }
    return entry;
  }

  /** The token of a key that another table names. */
  #tokenAt(key: string): RegistrationToken {
    const row = this.#tables.tokens.get(key);
    if (row !== undefined) return tokenOfRow(key, row);
    return this.#dirty.find((entry) => entry.key === key)?.token ?? (key as RegistrationToken);
  }

  /** The entry of a token, to be changed. */
  #change(token: RegistrationToken): TokenEntry {
    const entry = this.#entry(token);
    if (!entry.dirty) this.#dirty.push(entry);
    entry.dirty = true;
    return entry;
  }

  #writeTokens(): void {
    const { tokens } = this.#tables;
    for (const entry of this.#dirty) {
      entry.dirty = false;
      const { state, rewrite, ids, tokens: others } = entry;
      const isGone = state === undefined && rewrite === undefined && ids.length === 0 && others === 0;
      if (isGone) tokens.remove(entry.key);
      else tokens.put(entry.key, toTokenRow(entry));
    }
    this.#dirty.length = 0;
  }
}

// part of a key is a key to the driver
const agesUntil = (kind: AgeKey[0], before: number) =>
  ({ start: [kind], end: [kind, before] }) as unknown as { start: AgeKey; end: AgeKey };
