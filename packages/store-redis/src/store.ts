import {
  ChangesLostError,
  ClosedError,
  ConnectionError,
  type RegisterOptions,
  type Registration,
  type RegistrationStore,
  type RegistrationToken,
} from "@cloud-messaging/core";
import {
  type Columns,
  canBeRegistered,
  checkQuery,
  isUserId,
  NOT_STORED,
  type RegistrationVerdict,
  readRegistration,
  registrationOfColumns,
  stateOfColumns,
  systemClock,
  type TokenState,
  unknownCursor,
} from "@cloud-messaging/core/transport";
import { checkOptions, type RedisRegistrationStoreOptions } from "./options.ts";
import { scriptRunner } from "./redis.ts";
import { changeOf, type Reply } from "./replies.ts";
import { KEY_NAMES } from "./rules.lua.ts";
import { SCRIPTS } from "./scripts.ts";

/** Verdicts of one script: the server does nothing else while it runs. */
const VERDICTS_AT_ONCE = 250;
/** Registrations removed by one script, likewise. */
const REMOVED_AT_ONCE = 1_000;

/** A registration store in Redis or Valkey. */
export interface RedisRegistrationStore extends RegistrationStore, AsyncDisposable {
  register(userId: string, token: string, options?: RegisterOptions): Promise<void>;
  unregister(userId: string, token: string): Promise<boolean>;
  touch(userId: string, token: string): Promise<boolean>;
  /** Refuses further calls with `ClosedError`. The client stays open. */
  close(): Promise<void>;
}

/**
 * Keeps registrations in Redis 6.2 or later, or Valkey, on a client of the application's own. What a call confirmed survives the end of the server as far
 * as the server was told to write it to disk: with `appendonly yes` and `appendfsync always` all of it. `maxmemory-policy` must be
 * `noeviction`.
 *
 * After the server was lost it goes on as soon as the client has connected again; until then its calls reject with `ConnectionError`,
 * and one that was under way may have been made: make it again.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { createRedisRegistrationStore } from "@cloud-messaging/store-redis";
 * import { Redis } from "ioredis";
 *
 * const client = new Redis("redis://127.0.0.1:6379");
 * const registrations = createRedisRegistrationStore({ client });
 * await registrations.register("ada", "a-token-that-her-phone-reported", { platform: "android" });
 * ```
 */
export function createRedisRegistrationStore(options: RedisRegistrationStoreOptions): RedisRegistrationStore {
  checkOptions(options);
  const { client, prefix = "cloud-messaging", maxChanges = 100_000, timeoutMs = 5_000, clock = systemClock } = options;
  const runScript = scriptRunner(client);
  const keys = KEY_NAMES.map((name) => `{${prefix}}:${name}`);
  const kept = String(maxChanges);
  let closed = false;

  function ask(name: keyof typeof SCRIPTS, args: readonly string[]): Promise<Reply> {
    if (closed) return Promise.reject(new ClosedError("The registration store"));
    return new Promise((resolve, reject) => {
      // the client may hold a command back for as long as it does not reach the server
      const cancel = clock.schedule(timeoutMs, () => {
        reject(new ConnectionError(`Redis did not answer within ${timeoutMs} ms`));
      });
      runScript(SCRIPTS[name], keys, [String(clock.now()), kept, ...args]).then(
        (reply) => {
          cancel();
          resolve(reply as Reply);
        },
        (error: unknown) => {
          cancel();
          reject(error);
        },
      );
    });
  }

  const store: RedisRegistrationStore = {
    async register(givenUser, givenToken, given) {
      const { userId, token, options: read } = readRegistration(givenUser, givenToken, given);
      const { owner, platform = "", appVersion = "", locale = "", attributes } = read;
      const shared = owner === "shared" ? "1" : "";
      const json = attributes === undefined ? "" : JSON.stringify(attributes);
      await ask("register", [userId, token, shared, platform, appVersion, locale, json]);
    },

    async unregister(userId, token) {
      if (!canBeRegistered(userId, token)) return false;
      return (await ask("unregister", [userId, token])) !== 0;
    },

    async touch(userId, token) {
      if (!canBeRegistered(userId, token)) return false;
      return (await ask("touch", [userId, token])) === 1;
    },

    async registrationsOf(userId) {
      if (!isUserId(userId)) return [];
      return registrationsIn(await ask("registrationsOf", [userId]));
    },

    async resolve(tokens) {
      const found = listOf(await ask("resolve", tokens));
      const states: TokenState[] = new Array(tokens.length).fill(NOT_STORED);
      let resolved: RegistrationToken[] | undefined;
      for (const each of found) {
        const values = each as readonly Reply[];
        const position = values[0] as number;
        states[position] = stateOfColumns(values, 2);
        if (values[1] == null) continue;
        resolved ??= [...tokens];
        resolved[position] = values[1] as RegistrationToken;
      }
      return { tokens: resolved ?? tokens, states };
    },

    async apply(verdicts) {
      for (let first = 0; first < verdicts.length; first += VERDICTS_AT_ONCE) {
        await ask("apply", verdicts.slice(first, first + VERDICTS_AT_ONCE).flatMap(argumentsOf));
      }
    },

    async registrations(query) {
      checkQuery("registrations", query);
      const { after = "0-0", limit, platform = "", seenSince = "", seenBefore = "" } = query;
      const [user, id] = placeOf(after);
      const args = [user, id, String(limit), platform, String(seenSince), String(seenBefore)];
      const [found, nextUser, nextId] = listOf(await ask("registrations", args));
      const registrations = registrationsIn(found as Reply);
      return nextUser === undefined ? { registrations } : { registrations, next: `${nextUser}-${nextId}` };
    },

    async users(query) {
      checkQuery("users", query);
      const [user] = placeOf(query.after ?? "0-0");
      const entries = listOf(await ask("users", [user, String(query.limit)])) as readonly string[];
      const userIds = entries.filter((_, position) => position % 2 === 0);
      return userIds.length === query.limit ? { userIds, next: `${entries.at(-1)}-0` } : { userIds };
    },

    async counts() {
      const [registrations, users] = listOf(await ask("counts", [])) as readonly number[];
      return { registrations: registrations as number, users: users as number };
    },

    async removeUnseen(query) {
      checkQuery("removeUnseen", query);
      const { before, limit } = query;
      const atMost = Math.min(limit, REMOVED_AT_ONCE);
      const [removed, more] = listOf(await ask("removeUnseen", [String(before), String(atMost)]));
      return { removed: registrationsIn(removed as Reply), more: more === 1 };
    },

    async changes(query) {
      checkQuery("changes", query);
      const { from, limit } = query;
      if (from !== "oldest" && from !== "newest" && !/^\d{1,15}$/.test(from)) throw unknownCursor("from");
      const [status, since, entries = []] = listOf(await ask("changes", [from, String(limit)]));
      if (status === "LOST") throw new ChangesLostError();
      if (status === "UNKNOWN") throw unknownCursor("from");
      const changes = listOf(entries).map(changeOf);
      return { changes, cursor: changes.at(-1)?.cursor ?? (since as string) };
    },

    async close() {
      closed = true;
    },

    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}

const listOf = (reply: Reply): readonly Reply[] => reply as readonly Reply[];

const registrationsIn = (reply: Reply): Registration[] => (reply as readonly Columns[]).map(registrationOfColumns);

/** Reads where a page begins: the number of a user, and that of one of the user's registrations. */
function placeOf(after: string): [user: string, id: string] {
  const [, user, id] = /^(\d{1,16})-(\d{1,16})$/.exec(after) ?? [];
  if (user === undefined || id === undefined) throw unknownCursor("after");
  return [user, id];
}

/** Arguments of a verdict, seven of each. */
function argumentsOf(verdict: RegistrationVerdict): string[] {
  const { type, token, revision } = verdict;
  const common = [type, token, revision === null ? "" : String(revision)];
  switch (verdict.type) {
    case "replaced":
      return [...common, verdict.canonicalRegistrationId, "", "", ""];
    case "removed":
      return [...common, verdict.reason, "", "", ""];
    case "suspect": {
      const { reason, sender, removal } = verdict;
      const policy = removal === undefined ? ["", ""] : [String(removal.refusals), String(removal.overMs)];
      return [...common, reason, sender, ...policy];
    }
    case "accepted":
      return [...common, "", "", "", ""];
  }
}
