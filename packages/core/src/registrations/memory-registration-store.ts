import type { RegistrationToken } from "../message/token.ts";
import { ClockSchema, readOptions } from "../problems.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import * as z from "../zod.ts";
import { MemoryFeed } from "./memory-feed.ts";
import { MemoryTables } from "./memory-tables.ts";
import { checkQuery, readRegistration, unknownCursor } from "./read-registration.ts";
import type {
  RegisterOptions,
  Registration,
  RegistrationChange,
  RegistrationVerdict,
  TokenState,
} from "./registration.ts";
import { NOT_STORED } from "./registration-columns.ts";
import {
  toRegistration as registrationFrom,
  registrationRules as rules,
  type StoredRegistration,
} from "./registration-rules.ts";
import type {
  ChangePage,
  ChangeQuery,
  PageQuery,
  RegistrationCounts,
  RegistrationPage,
  RegistrationQuery,
  RegistrationStore,
  RemovedPage,
  Resolution,
  UserPage,
} from "./registration-store.ts";

/** Options of `createMemoryRegistrationStore`. */
export interface MemoryRegistrationStoreOptions {
  /**
   * Registrations it holds at most; one more is refused with `StoreFullError`. Range: 1 or more.
   * @defaultValue 1000000
   */
  readonly maxRegistrations?: number;
  /**
   * Rewrites it remembers at most for tokens that callers may still hold. When there are more, the older half is forgotten. Range: 1 or more.
   * @defaultValue 100000
   */
  readonly maxRewrites?: number;
  /**
   * Changes it keeps at the least for those who read the feed. Range: 1 or more.
   * @defaultValue 10000
   */
  readonly maxChanges?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** A registration store in memory: for tests and for one process. It makes nobody wait. */
export interface MemoryRegistrationStore extends RegistrationStore {
  register(userId: string, token: string, options?: RegisterOptions): void;
  unregister(userId: string, token: string): boolean;
  touch(userId: string, token: string): boolean;
  registrationsOf(userId: string): readonly Registration[];
  resolve(tokens: readonly RegistrationToken[]): Resolution;
  apply(verdicts: readonly RegistrationVerdict[]): void;
  registrations(query: RegistrationQuery): RegistrationPage;
  users(query: PageQuery): UserPage;
  counts(): RegistrationCounts;
  removeUnseen(query: { readonly before: number; readonly limit: number }): RemovedPage;
  changes(query: ChangeQuery): ChangePage;
  watch(wake: () => void): () => void;
  /**
   * Calls the listener at every change, in their order. Returns a function that ends it. A listener that throws disturbs nobody else: it
   * is told as a notice. For the feed of any store: `followChanges`.
   */
  onChange(listener: (change: RegistrationChange) => void): () => void;
  /** Registrations held. */
  readonly size: number;
}

const OptionsSchema = z.strictObject({
  maxRegistrations: z.int().min(1).default(1_000_000),
  maxRewrites: z.int().min(1).default(100_000),
  maxChanges: z.int().min(1).default(10_000),
  clock: ClockSchema.default(systemClock),
} satisfies Record<keyof MemoryRegistrationStoreOptions, z.ZodType>);

/**
 * Keeps registrations in memory, bounded and safe under concurrent sends. Gone with the process.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { createMemoryRegistrationStore } from "@cloud-messaging/core";
 *
 * const registrations = createMemoryRegistrationStore();
 * registrations.onChange(({ type, token, userIds }) => console.log(type, token, userIds));
 * registrations.register("ada", "a-token-that-her-phone-reported", { platform: "android" });
 * ```
 */
export function createMemoryRegistrationStore(options: MemoryRegistrationStoreOptions = {}): MemoryRegistrationStore {
  const { maxRegistrations, maxRewrites, maxChanges, clock } = readOptions(
    OptionsSchema,
    options,
    "an option of the memory store",
  );

  const feed = new MemoryFeed(maxChanges);
  const tables = new MemoryTables(maxRegistrations, maxRewrites, (change) => feed.append(change, clock.now()));
  const stateOf = (token: RegistrationToken): TokenState => tables.stateOf(token) ?? NOT_STORED;
  const toRegistration = (stored: StoredRegistration) => registrationFrom(stored, stateOf(stored.token));

  return {
    register(givenUser, givenToken, givenOptions) {
      const { userId, token, options: read } = readRegistration(givenUser, givenToken, givenOptions);
      rules.register(tables, clock.now(), userId, token, read);
      feed.deliver();
    },

    unregister(userId, token) {
      const found = rules.unregister(tables, userId, token as RegistrationToken);
      feed.deliver();
      return found;
    },

    touch: (userId, token) => rules.touch(tables, clock.now(), userId, token as RegistrationToken),

    registrationsOf: (userId) => tables.registrationsOfUser(userId).map(toRegistration),

    resolve(given) {
      const tokens = tables.hasRewrites ? given.map((token) => tables.rewriteOf(token) ?? token) : given;
      return { tokens, states: tokens.map(stateOf) };
    },

    apply(verdicts) {
      for (const verdict of verdicts) rules.applyVerdict(tables, clock.now(), verdict);
      feed.deliver();
    },

    registrations(query) {
      checkQuery("registrations", query);
      const { after, limit, platform, seenSince = Number.NEGATIVE_INFINITY, seenBefore = Infinity } = query;
      const found: Registration[] = [];
      for (const [id, each] of tables.allRegistrations.after(readCursor(after))) {
        if (platform !== undefined && each.platform !== platform) continue;
        if (each.lastSeenAt < seenSince || each.lastSeenAt >= seenBefore) continue;
        found.push(toRegistration(each));
        if (found.length === limit) return { registrations: found, next: String(id) };
      }
      return { registrations: found };
    },

    users(query) {
      checkQuery("users", query);
      const userIds: string[] = [];
      for (const [id, { userId }] of tables.allUsers.after(readCursor(query.after))) {
        userIds.push(userId);
        if (userIds.length === query.limit) return { userIds, next: String(id) };
      }
      return { userIds };
    },

    counts: () => ({ registrations: tables.allRegistrations.size, users: tables.userCount }),

    removeUnseen(query) {
      checkQuery("removeUnseen", query);
      const unseen: StoredRegistration[] = [];
      for (const [, each] of tables.allRegistrations.after(0)) {
        if (each.lastSeenAt < query.before) unseen.push(each);
        if (unseen.length === query.limit) break;
      }
      const removed = unseen.map(toRegistration);
      for (const each of unseen) rules.removeUnseen(tables, each);
      tables.forgetRewrites(query.before);
      feed.deliver();
      return { removed, more: unseen.length === query.limit };
    },

    changes(query) {
      checkQuery("changes", query);
      return feed.read(query);
    },

    watch: (wake) => feed.listen(wake),
    onChange: (listener) => feed.listen(listener),

    get size() {
      return tables.allRegistrations.size;
    },
  };
}

function readCursor(after: string | undefined): number {
  const id = after === undefined ? 0 : Number(after);
  if (!Number.isInteger(id) || id < 0) throw unknownCursor("after");
  return id;
}
