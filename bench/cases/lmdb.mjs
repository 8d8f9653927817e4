// What does a registration store cost over its bare driver doing the same statements: registering, resolving the 1000 tokens of a send,
// applying its report with 1 % changes? The floor reads and writes the same rows in the same transactions, by hand: of a registration the rows
// of the token and of its installation are read and written, the user's list is asked for the user and appended to, and the registration and its
// age are written; then the store's numbers. It checks no input, and what it does is right for a token that nobody had yet, and for no other.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { inTransaction, openBare } from "../lib/bare-lmdb.mjs";
import { inFlight } from "../lib/in-flight.mjs";

const TOKENS = 20_000;
const REPORT = 1_000;
const CHANGES = REPORT / 100;
/** As real ones are: an installation ID, a colon, and a text. */
const fid = (n) => `c${String(n).padStart(21, "0")}`;
const token = (n, age = 0) => `${fid(n)}:APA91b${String(age).padStart(6, "0")}${"x".repeat(128)}`;
const user = (n) => `user-${n >> 1}`;

async function startFolder() {
  const folder = mkdtempSync(join(tmpdir(), "bench-stores-"));
  return { value: folder, close: () => rmSync(folder, { recursive: true, force: true }) };
}

function bareRegister({ registrations, users, tokens, ages }, numbers, userId, given, now) {
  const prefix = given.slice(0, 22);
  const installation = tokens.get(prefix)?.[7] ?? 0;
  if (tokens.get(given) !== undefined) throw new Error("a token that somebody has: not the floor's work");
  const id = ++numbers.counter;
  if (!users.doesExist(userId)) numbers.users++;
  users.put(userId, id);
  ages.put([0, now, id], true);
  registrations.put(id, [userId, given, id, now, now, false, "android", null, null, null]);
  tokens.put(given, [id, null, null, [id], null, null, null, 0]);
  tokens.put(prefix, [null, null, null, [], null, null, null, installation + 1]);
}

/** Calls of one turn and of the time that the disk takes share a transaction. */
function createBatches(tables) {
  let waiting = [];
  let isWriting = false;
  async function write() {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await inTransaction(tables, (numbers) => {
        for (const { run } of batch) run(numbers);
      });
      for (const { resolve } of batch) resolve();
    }
    isWriting = false;
  }
  return (run) =>
    new Promise((resolve) => {
      waiting.push({ run, resolve });
      if (isWriting) return;
      isWriting = true;
      queueMicrotask(write);
    });
}

// each process begins with an empty database
const bare = (use) => async (folder) => {
  const tables = openBare(mkdtempSync(join(folder, "bare-")));
  return { send: await use(tables, createBatches(tables)), close: () => tables.root.close() };
};
const ours = (use) => async (folder) => {
  const store = createLmdbRegistrationStore({ path: mkdtempSync(join(folder, "ours-")) });
  return { send: await use(store), close: () => store.close() };
};

const first = Array.from({ length: TOKENS }, (_, n) => n);
const pick = (n) => Array.from({ length: REPORT }, (_, k) => (n * 7 + k * 13) % TOKENS);

function oursRegister(store) {
  let n = TOKENS;
  return (count) =>
    inFlight(count, 100, async () => {
      await store.register(user(n), token(n++), { platform: "android" });
      return 1;
    });
}
function floorRegister(tables, change) {
  let n = TOKENS;
  return (count) =>
    inFlight(count, 100, async () => {
      const at = n++;
      await change((numbers) => bareRegister(tables, numbers, user(at), token(at), Date.now()));
      return 1;
    });
}

async function oursFilled(store) {
  await Promise.all(first.map((n) => store.register(user(n), token(n), { platform: "android" })));
}
async function floorFilled(tables, change) {
  await Promise.all(
    first.map((n) => change((numbers) => bareRegister(tables, numbers, user(n), token(n), Date.now()))),
  );
}

async function oursResolve(store) {
  await oursFilled(store);
  let n = 0;
  return async (count) => {
    for (let done = 0; done < count; done += REPORT) store.resolve(pick(n++).map((each) => token(each)));
    return count;
  };
}
async function floorResolve(tables, change) {
  await floorFilled(tables, change);
  let n = 0;
  return async (count) => {
    for (let done = 0; done < count; done += REPORT) {
      tables.root.resetReadTxn();
      pick(n++).map((each) => tables.tokens.get(token(each)));
    }
    return count;
  };
}

/** A send: the states of its tokens, and what was said of 1 % of them; each of these has a new token. */
async function oursReport(store) {
  await oursFilled(store);
  const ages = new Uint32Array(TOKENS);
  let n = 0;
  return async (count) => {
    for (let done = 0; done < count; done++) {
      const picked = pick(n++);
      const { states } = store.resolve(picked.map((each) => token(each, ages[each])));
      await store.apply(
        picked.slice(0, CHANGES).map((each, at) => ({
          type: "replaced",
          token: token(each, ages[each]),
          revision: states[at].revision,
          canonicalRegistrationId: token(each, ++ages[each]),
        })),
      );
    }
    return count;
  };
}
async function floorReport(tables, change) {
  await floorFilled(tables, change);
  const generations = new Uint32Array(TOKENS);
  const { registrations, tokens, sources, ages, changes } = tables;
  let n = 0;
  return async (count) => {
    for (let done = 0; done < count; done++) {
      const picked = pick(n++);
      tables.root.resetReadTxn();
      const rows = picked.map((each) => tokens.get(token(each, generations[each])));
      const now = Date.now();
      await change((numbers) => {
        for (let at = 0; at < CHANGES; at++) {
          const each = picked[at];
          const from = token(each, generations[each]);
          const to = token(each, ++generations[each]);
          const row = tokens.get(from);
          if (row[0] !== rows[at][0]) throw new Error("the state has changed");
          tokens.get(to);
          const [id] = row[3];
          const registration = registrations.get(id);
          registrations.put(id, registration.with?.(1, to) ?? Object.assign([...registration], { 1: to }));
          for (const [, source] of [...sources.getKeys({ start: [from, ""], end: [from, "\u007f"] })]) {
            const other = tokens.get(source);
            sources.remove([from, source]);
            ages.remove([1, other[5], source]);
            sources.put([to, source], true);
            ages.put([1, now, source], true);
            tokens.put(source, Object.assign([...other], { 4: to, 5: now }));
          }
          sources.put([to, from], true);
          ages.put([1, now, from], true);
          tokens.put(from, [null, null, null, [], to, now, null, 0]);
          tokens.put(to, [++numbers.counter, null, null, [id], null, null, null, 0]);
          changes.put(++numbers.lastChange, {
            type: "replaced",
            token: from,
            canonicalRegistrationId: to,
            userIds: [registration[0]],
            at: now,
          });
        }
      });
    }
    return count;
  };
}

const common = { group: "lmdb", startServer: startFolder, target: { floor: 1.3 } };
export default [
  {
    ...common,
    name: "lmdb-register",
    unit: "registration",
    messages: 40_000,
    contestants: { floor: bare(floorRegister), ours: ours(oursRegister) },
  },
  {
    ...common,
    name: "lmdb-resolve",
    unit: "token",
    messages: 300_000,
    contestants: { floor: bare(floorResolve), ours: ours(oursResolve) },
  },
  {
    ...common,
    name: "lmdb-report",
    unit: "report of 1000",
    messages: 100,
    contestants: { floor: bare(floorReport), ours: ours(oursReport) },
  },
];
