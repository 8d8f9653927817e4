// A registration store of your own, for a database with a synchronous driver, such as SQLite: core has the rules, and you provide the tables.
// Here a table is a `Map`, every look-up scans all of it, and a transaction is a turn of the event loop. Its tests:
//
//   node --test examples/own-registration-store.test.mjs
import { ChangesLostError } from "@cloud-messaging/core";
import {
  checkQuery,
  NOT_STORED,
  readRegistration,
  registrationRules as rules,
  toRegistration,
  unknownCursor,
} from "@cloud-messaging/core/transport";

const MAX_CHANGES = 10_000;

/** Tables as the rules ask for them. In a database each of these is a statement, and an index is behind each condition. */
class Tables {
  registrations = new Map();
  states = new Map();
  rewrites = new Map();
  changes = [];
  dropped = 0;
  #number = 0;
  #clock;

  constructor(clock) {
    this.#clock = clock;
  }

  #where = (condition) => [...this.registrations.values()].filter(condition);

  nextNumber = () => ++this.#number;
  stateOf = (token) => this.states.get(token);
  setState = (token, state) => void (state === undefined ? this.states.delete(token) : this.states.set(token, state));
  registrationsOfToken = (token) => this.#where((each) => each.token === token);
  registrationsOfUser = (userId) => this.#where((each) => each.userId === userId);
  tokensOfInstallation = (fid, except) =>
    [...this.states.keys()].filter((token) => token.startsWith(`${fid}:`) && token !== except).sort();
  putRegistration = (registration) => void this.registrations.set(registration.id, registration);
  deleteRegistration = ({ id }) => void this.registrations.delete(id);
  rewriteOf = (token) => this.rewrites.get(token)?.canonical;
  rewritesTo = (canonical) => [...this.rewrites].filter(([, to]) => to.canonical === canonical).map(([token]) => token);
  setRewrite = (token, canonical, at) =>
    void (canonical === undefined ? this.rewrites.delete(token) : this.rewrites.set(token, { canonical, at }));

  emit(change) {
    const cursor = String(this.dropped + this.changes.length + 1);
    this.changes.push({ ...change, cursor, at: this.#clock.now() });
    if (this.changes.length <= MAX_CHANGES) return;
    this.changes.shift();
    this.dropped++;
  }
}

/** @param options `clock`: the time comes from it, so that tests can set it. */
export function createOwnRegistrationStore({ clock }) {
  const tables = new Tables(clock);
  const answerOf = (stored) => toRegistration(stored, tables.stateOf(stored.token) ?? NOT_STORED);

  return {
    async register(userId, token, options) {
      const read = readRegistration(userId, token, options);
      rules.register(tables, clock.now(), read.userId, read.token, read.options);
    },
    unregister: async (userId, token) => rules.unregister(tables, userId, token),
    touch: async (userId, token) => rules.touch(tables, clock.now(), userId, token),
    registrationsOf: async (userId) => tables.registrationsOfUser(userId).map(answerOf),

    async resolve(given) {
      const tokens = given.map((token) => tables.rewriteOf(token) ?? token);
      return { tokens, states: tokens.map((token) => tables.stateOf(token) ?? NOT_STORED) };
    },

    async apply(verdicts) {
      for (const verdict of verdicts) rules.applyVerdict(tables, clock.now(), verdict);
    },

    async registrations(query) {
      checkQuery("registrations", query);
      const { after = "0", limit, platform, seenSince = 0, seenBefore = Number.POSITIVE_INFINITY } = query;
      if (!/^\d{1,15}$/.test(after)) throw unknownCursor("after");
      const found = [];
      // in the order of their numbers, which is that of the Map
      for (const stored of tables.registrations.values()) {
        if (stored.id <= Number(after)) continue;
        if (platform !== undefined && stored.platform !== platform) continue;
        if (stored.lastSeenAt < seenSince || stored.lastSeenAt >= seenBefore) continue;
        found.push(answerOf(stored));
        if (found.length === limit) return { registrations: found, next: String(stored.id) };
      }
      return { registrations: found };
    },

    async users(query) {
      checkQuery("users", query);
      const { after, limit } = query;
      // a mark before the ID, so that another cursor is refused
      if (after !== undefined && !after.startsWith("=")) throw unknownCursor("after");
      const all = [...new Set([...tables.registrations.values()].map(({ userId }) => userId))].sort();
      const userIds = all.filter((userId) => after === undefined || userId > after.slice(1)).slice(0, limit);
      return userIds.length < limit ? { userIds } : { userIds, next: `=${userIds.at(-1)}` };
    },

    async counts() {
      const stored = [...tables.registrations.values()];
      return { registrations: stored.length, users: new Set(stored.map(({ userId }) => userId)).size };
    },

    async removeUnseen(query) {
      checkQuery("removeUnseen", query);
      const { before, limit } = query;
      const unseen = [...tables.registrations.values()].filter((each) => each.lastSeenAt < before).slice(0, limit);
      const removed = unseen.map(answerOf);
      for (const each of unseen) rules.removeUnseen(tables, each);
      for (const [token, { at }] of [...tables.rewrites]) if (at < before) tables.setRewrite(token, undefined, 0);
      return { removed, more: unseen.length === limit };
    },

    async changes(query) {
      checkQuery("changes", query);
      const { from, limit } = query;
      const end = tables.dropped + tables.changes.length;
      if (from === "newest") return { changes: [], cursor: String(end) };
      if (from !== "oldest" && !/^\d{1,15}$/.test(from)) throw unknownCursor("from");
      const start = from === "oldest" ? tables.dropped : Number(from);
      if (start > end) throw unknownCursor("from");
      if (start < tables.dropped) throw new ChangesLostError();
      const changes = tables.changes.slice(start - tables.dropped).slice(0, limit);
      return { changes, cursor: String(start + changes.length) };
    },
  };
}
