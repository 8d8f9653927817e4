import { createHash } from "node:crypto";
import type { RegistrationToken } from "@cloud-messaging/core";
import type { StoredRegistration, TokenState } from "@cloud-messaging/core/transport";

/** Version of the layout below. A folder with another one is refused. */
export const FORMAT = 2;

/** Longest token that is a key of its own: LMDB's keys have 1978 bytes at most, and two tokens make one. Unit: characters. */
const MAX_PLAIN_KEY = 800;
const PLAIN_KEY = /^[\x21-\x7e]+$/;

/**
 * Makes the key of a token: the token itself, or, of one that is too long, its beginning and a hash. A blank, which no token has, keeps the
 * two apart; the beginning keeps the tokens of an installation together.
 */
export function tokenKey(token: string): string {
  if (token.length <= MAX_PLAIN_KEY && PLAIN_KEY.test(token)) return token;
  const beginning = /^[\x21-\x7e]{0,200}/.exec(token)?.[0] ?? "";
  return `${beginning} ${createHash("sha256").update(token, "utf16le").digest("base64url")}`;
}

/** Knowledge about a token: that it is stored, superseded, or both while a change is under way. */
export interface TokenEntry {
  readonly token: RegistrationToken;
  readonly key: string;
  state: TokenState | undefined;
  /** Registrations of the token, in ascending order. */
  ids: readonly number[];
  /** The canonical ID that supersedes it, and the time at which that was learned. */
  rewrite: { readonly canonical: RegistrationToken; readonly at: number } | undefined;
  /** Of an installation ID, stored or not: stored tokens of the installation. */
  tokens: number;
  /** It is to be written. */
  dirty: boolean;
}

/**
 * Entry of the table `tokens`: revision, accepted at, suspicion, registrations, canonical ID, learned at, token where the key is another,
 * stored tokens of the installation.
 */
export type TokenRow = readonly [
  number | null,
  number | null,
  readonly [string, number, number] | null,
  readonly number[],
  string | null,
  number | null,
  string | null,
  number,
];

/** @param row `undefined` for a token that is not known. */
export function toTokenEntry(token: RegistrationToken, key: string, row: TokenRow | undefined): TokenEntry {
  if (row === undefined) {
    return { token, key, state: undefined, ids: NO_IDS, rewrite: undefined, tokens: 0, dirty: false };
  }
  const [, , , ids, canonical, at, , tokens] = row;
  const rewrite = canonical === null ? undefined : { canonical: canonical as RegistrationToken, at: at ?? 0 };
  return { token, key, state: stateOfRow(row), ids, rewrite, tokens, dirty: false };
}

const NO_IDS: readonly number[] = [];

/** The token of a row. */
export const tokenOfRow = (key: string, row: TokenRow): RegistrationToken => (row[6] ?? key) as RegistrationToken;

/** Reads the state alone, which is all that a send asks for. */
export function stateOfRow([revision, acceptedAt, suspicion]: TokenRow): TokenState | undefined {
  if (revision === null) return undefined;
  if (acceptedAt === null && suspicion === null) return { revision };
  const doubt =
    suspicion === null ? {} : { suspicion: { sender: suspicion[0], refusals: suspicion[1], since: suspicion[2] } };
  return { revision, ...(acceptedAt === null ? {} : { acceptedAt }), ...doubt };
}

export function toTokenRow({ token, key, state, ids, rewrite, tokens }: TokenEntry): TokenRow {
  const { revision, acceptedAt, suspicion } = state ?? {};
  return [
    (revision as number | undefined) ?? null,
    acceptedAt ?? null,
    suspicion === undefined ? null : [suspicion.sender, suspicion.refusals, suspicion.since],
    ids,
    rewrite?.canonical ?? null,
    rewrite?.at ?? null,
    token === key ? null : token,
    tokens,
  ];
}

/** Entry of the table `registrations`, by `id`. Attributes are a list of names and values. */
export type RegistrationRow = readonly [
  string,
  string,
  number,
  number,
  number,
  boolean,
  string | null,
  string | null,
  string | null,
  readonly string[] | null,
];

export function toRegistrationRow(stored: StoredRegistration): RegistrationRow {
  const { userId, token, order, registeredAt, lastSeenAt, shared, platform, appVersion, locale, attributes } = stored;
  return [
    userId,
    token,
    order,
    registeredAt,
    lastSeenAt,
    shared,
    platform ?? null,
    appVersion ?? null,
    locale ?? null,
    attributes === undefined ? null : Object.entries(attributes).flat(),
  ];
}

export function fromRegistrationRow(id: number, row: RegistrationRow): StoredRegistration {
  const [userId, token, order, registeredAt, lastSeenAt, shared, platform, appVersion, locale, attributes] = row;
  // field by field: it is made for every registration of every send to a user
  const stored: { -readonly [K in keyof StoredRegistration]: StoredRegistration[K] } = {
    id,
    order,
    userId,
    token: token as RegistrationToken,
    shared,
    registeredAt,
    lastSeenAt,
  };
  if (platform !== null) stored.platform = platform;
  if (appVersion !== null) stored.appVersion = appVersion;
  if (locale !== null) stored.locale = locale;
  if (attributes !== null) stored.attributes = toRecord(attributes);
  return stored;
}

function toRecord(list: readonly string[]): Record<string, string> {
  const entries: [string, string][] = [];
  for (let index = 0; index < list.length; index += 2) entries.push([list[index] as string, list[index + 1] as string]);
  return Object.fromEntries(entries);
}

/** Entry of the table `meta`, under `numbers`. */
export interface Numbers {
  /** Counts registrations, rewrites and revisions. */
  counter: number;
  /** Users with a registration. */
  users: number;
  /** Place of the last change in the feed; 0 before the first. */
  lastChange: number;
  /** Place of the oldest change that is kept. */
  oldestChange: number;
}

/** Key of the table `ages`, by time: the `id` of a registration that was seen then, or the key of a token that was superseded. */
export type AgeKey = [kind: typeof SEEN, at: number, id: number] | [kind: typeof LEARNED, at: number, key: string];
export const SEEN = 0;
export const LEARNED = 1;
