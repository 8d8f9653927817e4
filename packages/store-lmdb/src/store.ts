import {
  ChangesLostError,
  type Clock,
  type RegisterOptions,
  type Registration,
  type RegistrationChange,
  type RegistrationStore,
  type RegistrationToken,
} from "@cloud-messaging/core";
import {
  type ChangePage,
  type ChangeQuery,
  ClockSchema,
  checkQuery,
  isUserId,
  NOT_STORED,
  type PageQuery,
  type RegistrationCounts,
  type RegistrationPage,
  type RegistrationQuery,
  type RegistrationVerdict,
  type RemovedPage,
  type Resolution,
  readOptions,
  readRegistration,
  registrationRules,
  requireOptions,
  type StoredRegistration,
  systemClock,
  type TokenState,
  toRegistration,
  type UserPage,
  unknownCursor,
  z,
} from "@cloud-messaging/core/transport";
import { type Environment, openEnvironment } from "@cloud-messaging/lmdb";
import { LmdbStoreError } from "./errors.ts";
import { FORMAT, fromRegistrationRow, stateOfRow, tokenKey } from "./layout.ts";
import { type LmdbTables, openTables, readNumbers, TransactionTables } from "./tables.ts";
import { createWatch } from "./watch.ts";

/** Options of `createLmdbRegistrationStore`. */
export interface LmdbRegistrationStoreOptions {
  /**
   * Folder of the database, on a disk of this machine; made where it is missing. Every process that opens it has the same registrations.
   * It holds tokens and user IDs: keep it readable by the app server alone.
   */
  readonly path: string;
  /**
   * Changes it keeps for those who read the feed. Range: 1 or more. The smallest of the processes that write decides.
   * @defaultValue 100000
   */
  readonly maxChanges?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** A registration store in an embedded database. Reads make nobody wait; changes resolve once the disk has them. */
export interface LmdbRegistrationStore extends RegistrationStore, AsyncDisposable {
  register(userId: string, token: string, options?: RegisterOptions): Promise<void>;
  unregister(userId: string, token: string): Promise<boolean>;
  touch(userId: string, token: string): Promise<boolean>;
  registrationsOf(userId: string): readonly Registration[];
  resolve(tokens: readonly RegistrationToken[]): Resolution;
  apply(verdicts: readonly RegistrationVerdict[]): Promise<void>;
  registrations(query: RegistrationQuery): RegistrationPage;
  users(query: PageQuery): UserPage;
  counts(): RegistrationCounts;
  removeUnseen(query: { readonly before: number; readonly limit: number }): Promise<RemovedPage>;
  changes(query: ChangeQuery): ChangePage;
  /** Calls `wake` at once after a change by this process, and within 100 ms after one by another process. */
  watch(wake: () => void): () => void;
  /** Refuses new calls, lets changes that wait reach the disk, and closes the files. Every call returns the same promise. */
  close(): Promise<void>;
}

const OptionsSchema = z.strictObject({
  path: z.string().min(1, "must be the path of a folder"),
  maxChanges: z.int().min(1).default(100_000),
  clock: ClockSchema.default(systemClock),
} satisfies Record<keyof LmdbRegistrationStoreOptions, z.ZodType>);

/** Verdicts of one transaction at most. */
const MAX_VERDICTS = 500;
/** Registrations that one page looks at, at most: one that few of them meet comes short. */
const MAX_LOOKED_AT = 20_000;

/**
 * Opens the registrations in a folder: an embedded database (LMDB) for one machine and several of its processes (LMDB has room for 126
 * readers). `register` and every other change resolve once the disk has them; those that wait for the disk at the same time share a
 * transaction. Reads are synchronous. A process that is killed leaves no half-made change and keeps no other from going on.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 * @throws {LmdbStoreError} the folder cannot be used; `reason` says why.
 *
 * @example
 * ```ts
 * import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
 *
 * await using registrations = createLmdbRegistrationStore({ path: "./registrations" });
 * await registrations.register("ada", "a-token-that-her-phone-reported", { platform: "android" });
 * ```
 */
export function createLmdbRegistrationStore(options: LmdbRegistrationStoreOptions): LmdbRegistrationStore {
  const given = requireOptions(options);
  const { path, maxChanges, clock } = readOptions(OptionsSchema, given, "an option of the registration store");
  const environment = openEnvironment(path, {
    owner: "The registration store",
    toError: (reason, message, cause) => new LmdbStoreError(reason, message, cause),
    hooks: { begin: () => writing.begin(), end: () => writing.end(), committed: () => watching.check() },
  });
  const tables = environment.begin(() => {
    const opened = openTables(environment);
    checkFormat(environment, opened);
    return opened;
  });
  const writing = new TransactionTables(tables, () => clock.now(), maxChanges);
  const { change, read } = environment;
  const watching = createWatch(clock, () => read(() => readNumbers(tables).lastChange));

  function stateOf(token: RegistrationToken): TokenState {
    const row = tables.tokens.get(tokenKey(token));
    return (row && stateOfRow(row)) ?? NOT_STORED;
  }
  const withState = (stored: StoredRegistration) => toRegistration(stored, stateOf(stored.token));

  function storedAt(id: number): StoredRegistration {
    const row = tables.registrations.get(id);
    if (row === undefined) throw new Error(`registration ${id} is not there, though a table names it`);
    return fromRegistrationRow(id, row);
  }

  const store: LmdbRegistrationStore = {
    async register(givenUser, givenToken, givenOptions) {
      const { userId, token, options: details } = readRegistration(givenUser, givenToken, givenOptions);
      await change(() => registrationRules.register(writing, clock.now(), userId, token, details));
    },

    async unregister(userId, token) {
      return change(() => registrationRules.unregister(writing, userId, token as RegistrationToken));
    },

    async touch(userId, token) {
      return change(() => registrationRules.touch(writing, clock.now(), userId, token as RegistrationToken));
    },

    registrationsOf(userId) {
      return read(() => {
        if (!isUserId(userId)) return [];
        return [...tables.users.getValues(userId)].map((id) => withState(storedAt(id)));
      });
    },

    resolve(given) {
      return read(() => {
        let tokens: RegistrationToken[] | undefined;
        const states = given.map((token, position) => {
          let row = tables.tokens.get(tokenKey(token));
          const canonical = row?.[4] as RegistrationToken | null | undefined;
          if (canonical) {
            tokens ??= [...given];
            tokens[position] = canonical;
            row = tables.tokens.get(tokenKey(canonical));
          }
          return (row && stateOfRow(row)) ?? NOT_STORED;
        });
        return { tokens: tokens ?? given, states };
      });
    },

    async apply(verdicts) {
      const parts: Promise<void>[] = [];
      for (let start = 0; start < verdicts.length; start += MAX_VERDICTS) {
        const part = verdicts.slice(start, start + MAX_VERDICTS);
        parts.push(
          change(() => {
            for (const verdict of part) registrationRules.applyVerdict(writing, clock.now(), verdict);
          }),
        );
      }
      await Promise.all(parts);
    },

    registrations(query) {
      checkQuery("registrations", query);
      const { after, limit, platform, seenSince = Number.NEGATIVE_INFINITY, seenBefore = Infinity } = query;
      const start = readPlace(after, "after");
      return read(() => {
        const found: Registration[] = [];
        let looked = 0;
        for (const { key, value } of tables.registrations.getRange({ start, exclusiveStart: true })) {
          const stored = fromRegistrationRow(key, value);
          const { lastSeenAt } = stored;
          if (
            (platform === undefined || stored.platform === platform) &&
            lastSeenAt >= seenSince &&
            lastSeenAt < seenBefore
          )
            found.push(withState(stored));
          if (found.length === limit || ++looked === MAX_LOOKED_AT) return { registrations: found, next: String(key) };
        }
        return { registrations: found };
      });
    },

    users(query) {
      checkQuery("users", query);
      const { after, limit } = query;
      const start = after?.slice(1) ?? "";
      // a mark before the ID, so that another store's cursor is refused
      if (after !== undefined && !(after.startsWith("=") && isUserId(start))) throw unknownCursor("after");
      return read(() => {
        const userIds = [...tables.users.getKeys({ start, exclusiveStart: after !== undefined, limit })];
        return userIds.length < limit ? { userIds } : { userIds, next: `=${userIds.at(-1)}` };
      });
    },

    counts() {
      return read(() => ({
        registrations: (tables.registrations.getStats() as { entryCount: number }).entryCount,
        users: readNumbers(tables).users,
      }));
    },

    async removeUnseen(query) {
      checkQuery("removeUnseen", query);
      const { before, limit } = query;
      return change(() => {
        const unseen = writing.unseenSince(before, limit);
        const removed = unseen.map((each) => toRegistration(each, writing.stateOf(each.token) ?? NOT_STORED));
        for (const each of unseen) registrationRules.removeUnseen(writing, each);
        const forgotten = writing.forgetRewrites(before, limit);
        return { removed, more: unseen.length === limit || forgotten === limit };
      });
    },

    changes(query) {
      checkQuery("changes", query);
      const { from, limit } = query;
      return read(() => {
        const { lastChange, oldestChange } = readNumbers(tables);
        if (from === "newest") return { changes: [], cursor: String(lastChange) };
        const start = from === "oldest" ? oldestChange - 1 : readPlace(from, "from");
        if (start > lastChange) throw unknownCursor("from");
        if (start < oldestChange - 1) throw new ChangesLostError();
        const range = tables.changes.getRange({ start, exclusiveStart: true, limit });
        const changes = [...range].map(({ key, value }) => ({ ...value, cursor: String(key) }) as RegistrationChange);
        return { changes, cursor: changes.at(-1)?.cursor ?? String(start) };
      });
    },

    watch(wake) {
      return read(() => watching.add(wake));
    },

    close() {
      const closed = environment.close();
      watching.close();
      return closed;
    },

    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}

function readPlace(cursor: string | undefined, path: "after" | "from"): number {
  if (cursor === undefined) return 0;
  if (!/^\d{1,15}$/.test(cursor)) throw unknownCursor(path);
  return Number(cursor);
}

/** Refuses a database of another layout; marks a new one with ours. */
function checkFormat(environment: Environment, { meta, registrations }: LmdbTables): void {
  const format = meta.get("format");
  if (format === FORMAT) return;
  const isNew =
    format === undefined && meta.get("numbers") === undefined && [...registrations.getKeys({ limit: 1 })].length === 0;
  if (!isNew) throw environment.otherFormat(`format ${String(format)}, not ${FORMAT}`);
  meta.put("format", FORMAT);
}
