import {
  ChangesLostError,
  type RegisterOptions,
  type RegistrationStore,
  type RegistrationToken,
} from "@cloud-messaging/core";
import {
  canBeRegistered,
  checkQuery,
  isUserId,
  NOT_STORED,
  readRegistration,
  registrationOfColumns,
  stateOfColumns,
  systemClock,
  type TokenState,
  unknownCursor,
} from "@cloud-messaging/core/transport";
import { codeOf, namesOf, openSchema, type PostgresClient, type Row } from "@cloud-messaging/postgres";
import { functions } from "./functions.ts";
import { checkOptions, type PostgresRegistrationStoreOptions } from "./options.ts";
import { changePageOf } from "./rows.ts";
import { statementsOf } from "./statements.ts";
import { tables } from "./tables.ts";
import { verdicts } from "./verdicts.ts";

/** Prefix of a cursor of users, before the last user of the page. */
const AFTER = "after:";
/** Registrations removed by one transaction: each holds a lock. */
const REMOVED_AT_ONCE = 500;

/** Transaction of the application's own that a call is to be a part of. */
export interface TransactionOptions {
  /**
   * Connection with a transaction open, of the isolation level "read committed". What the call stores is stored with the transaction, and
   * devices that it concerns are locked until then.
   */
  readonly client?: PostgresClient;
}

/** A registration store in PostgreSQL. */
export interface PostgresRegistrationStore extends RegistrationStore, AsyncDisposable {
  /** As in every store; with `client` in a transaction of the application's own. */
  register(userId: string, token: string, options?: RegisterOptions & TransactionOptions): Promise<void>;
  /** As in every store; with `client` in a transaction of the application's own. */
  unregister(userId: string, token: string, options?: TransactionOptions): Promise<boolean>;
  /**
   * Creates the schema and its tables, or brings them to the version of this package. Safe to call at each start, by any number of
   * processes at once. Needs the right to create in the database; the other calls need USAGE on the schema and rights on what is in it.
   *
   * @throws {InvalidOptionsError} the schema has other tables: those of an outbox, for one.
   */
  migrate(): Promise<void>;
  /** Ends the watching of changes; further calls are refused with `ClosedError`. The pool stays open. */
  close(): Promise<void>;
}

/**
 * Keeps registrations in PostgreSQL 12 or later, on a pool of the application's own. After the server was lost it goes on by itself; until then its
 * calls reject with `ConnectionError`, and one that was under way may have been made: make it again.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { createPostgresRegistrationStore } from "@cloud-messaging/store-postgres";
 * import pg from "pg";
 *
 * const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], connectionTimeoutMillis: 5_000 });
 * const registrations = createPostgresRegistrationStore({ pool });
 * await registrations.migrate();
 * await registrations.register("ada", "a-token-that-her-phone-reported", { platform: "android" });
 * ```
 */
export function createPostgresRegistrationStore(options: PostgresRegistrationStoreOptions): PostgresRegistrationStore {
  checkOptions(options);
  const { pool, schema = "cloud_messaging", keepChangesForMs = 604_800_000, clock = systemClock } = options;
  const names = namesOf(schema, "changes");
  const { ask, listen, migrate, close } = openSchema({
    owner: "The registration store",
    pool,
    names,
    clock,
    statements: statementsOf(names, schema),
    versions: [tables(names) + functions(names) + verdicts(names)],
  });
  const isTrue = (rows: readonly Row[]): boolean => rows[0]?.[0] === "t";

  return {
    async register(givenUser, givenToken, given) {
      const { client, ...details } = given ?? {};
      const { userId, token, options: read } = readRegistration(givenUser, givenToken, given && details);
      const { owner, platform, appVersion, locale, attributes } = read;
      const json = attributes === undefined ? undefined : JSON.stringify(attributes);
      const values = [clock.now(), userId, token, owner === "shared", platform, appVersion, locale, json];
      await ask("register", values, client);
    },

    async unregister(userId, token, { client } = {}) {
      if (!canBeRegistered(userId, token)) return false;
      return isTrue(await ask("unregister", [clock.now(), userId, token], client));
    },

    async touch(userId, token) {
      if (!canBeRegistered(userId, token)) return false;
      return isTrue(await ask("touch", [clock.now(), userId, token]));
    },

    async registrationsOf(userId) {
      if (!isUserId(userId)) return [];
      return (await ask("registrationsOf", [userId])).map(registrationOfColumns);
    },

    async resolve(tokens) {
      const rows = await ask("resolve", [tokens]);
      const states: TokenState[] = new Array(tokens.length).fill(NOT_STORED);
      let resolved: RegistrationToken[] | undefined;
      for (const row of rows) {
        const position = Number(row[0]) - 1;
        states[position] = stateOfColumns(row, 2);
        const canonical = row[1];
        if (canonical == null) continue;
        resolved ??= [...tokens];
        resolved[position] = canonical as RegistrationToken;
      }
      return { tokens: resolved ?? tokens, states };
    },

    async apply(verdicts) {
      if (verdicts.length > 0) await ask("apply", [clock.now(), JSON.stringify(verdicts)]);
    },

    async registrations(query) {
      checkQuery("registrations", query);
      const { after = "0", limit, platform, seenSince, seenBefore } = query;
      if (!isPlace(after)) throw unknownCursor("after");
      const rows = await ask("registrations", [after, limit, platform, seenSince, seenBefore]);
      const last = rows.at(-1);
      const registrations = rows.filter((row) => row[14] === "t").map(registrationOfColumns);
      return last !== undefined && Number(last[15]) === limit
        ? { registrations, next: last[0] as string }
        : { registrations };
    },

    async users(query) {
      checkQuery("users", query);
      const { after, limit } = query;
      const last = after?.slice(AFTER.length) ?? "";
      if (after !== undefined && !(after.startsWith(AFTER) && isUserId(last))) throw unknownCursor("after");
      const userIds = (await ask("users", [last, limit])).map(([userId]) => userId as string);
      return userIds.length === limit ? { userIds, next: AFTER + userIds.at(-1) } : { userIds };
    },

    async counts() {
      const [row] = await ask("counts", []);
      return { registrations: Number(row?.[0]), users: Number(row?.[1]) };
    },

    async removeUnseen(query) {
      checkQuery("removeUnseen", query);
      const { before, limit } = query;
      const now = clock.now();
      const atMost = Math.min(limit, REMOVED_AT_ONCE);
      const rows = await ask("removeUnseen", [now, before, atMost, now - keepChangesForMs]);
      const removed = rows.filter(([id]) => id !== null).map(registrationOfColumns);
      return { removed, more: removed.length < rows.length };
    },

    async changes(query) {
      checkQuery("changes", query);
      const { from, limit } = query;
      if (from !== "oldest" && from !== "newest" && !isPlace(from)) throw unknownCursor("from");
      try {
        return changePageOf(await ask("changes", [from, limit]));
      } catch (error) {
        if (codeOf(error) === "CM410") throw new ChangesLostError();
        if (codeOf(error) === "CM404") throw unknownCursor("from");
        throw error;
      }
    },

    watch: listen,
    migrate,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A number of a place or a registration, as the store gives it out. */
function isPlace(text: string): boolean {
  return /^\d{1,18}$/.test(text);
}
