// Kills processes that write registrations, in mid-write, again and again, and compares what the store has with a model: everything that was
// confirmed is there, and nothing is half done.
//
//   node scripts/soak-registrations.mjs [--store lmdb] [--location <folder or address>] [--kills 50] [--seed 1] [--json]
//
// Two processes, each with two senders that do one thing after the other, write to one store. Each kill ends one of them; what its senders
// had confirmed is compared before it is started again. Exit status 0 only when everything was right.
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { startKillable, whileRunning } from "./killable-process.mjs";
import { openStore } from "./registration-stores.mjs";

const FILE = fileURLToPath(import.meta.url);
const PROCESSES = ["p", "q"];
const SENDERS = ["1", "2"];
const USERS = 5;
/** Longest time without a confirmed step. */
const STALL_MS = 60_000;
const token = (sender, n) => `${sender}:token-${n}`;
const user = (sender, n) => `${sender}:user-${n % USERS}`;

/** Does the n-th thing of a sender. Its users and tokens are its own. */
export async function step(store, sender, n) {
  const verdict = async (of, more) => {
    const { states } = await store.resolve([of]);
    await store.apply([{ token: of, revision: states[0].revision, ...more }]);
  };
  switch (n % 6) {
    case 2: // superseded
      return verdict(token(sender, n - 2), { type: "replaced", canonicalRegistrationId: token(sender, n) });
    case 3: // a device changes hands
      return store.register(user(sender, n), token(sender, n - 2));
    case 4: // dead
      return n < 12
        ? store.touch(user(sender, n), token(sender, 1))
        : verdict(token(sender, n - 8), { type: "removed", reason: "not-registered" });
    case 5: // signed out
      return store.unregister(user(sender, n - 2), token(sender, n - 4));
    default:
      return store.register(user(sender, n), token(sender, n), { platform: "android", attributes: { n: String(n) } });
  }
}

/** Registrations of a sender's users, and where its newest tokens lead to. */
export async function stateOf(store, sender, n) {
  const users = [];
  for (let index = 0; index < USERS; index++) {
    const registrations = await store.registrationsOf(user(sender, index));
    users.push(registrations.map((each) => [each.token, each.platform, each.attributes?.n, each.revision !== null]));
  }
  const tokens = Array.from({ length: Math.min(n + 1, 30) }, (_, back) => token(sender, n - back));
  const { tokens: leadTo, states } = await store.resolve(tokens);
  return { users, leadTo, stored: states.map(({ revision }) => revision !== null) };
}

/** A process of senders: tells each step as soon as it is confirmed. */
async function write(name, location, client, places) {
  const store = await openStore(name, location, client);
  await Promise.all(
    places.map(async ([sender, from]) => {
      for (let n = from; ; n++) {
        await step(store, sender, n);
        writeSync(1, `${sender} ${n}\n`);
      }
    }),
  );
}

let started = 0;

function startProcess(name, location, senders) {
  const client = `soak-${process.pid}-${++started}`;
  const places = JSON.stringify(senders.map(({ id, model }) => [id, model.done]));
  const args = ["--store", name, "--location", location, "--client", client, "--places", places];
  const running = startKillable([FILE, ...args]);
  const confirmed = new Map(senders.map(({ id, model }) => [id, model.done]));
  let count = 0;
  let onLine = () => {};
  createInterface(running.stdout).on("line", (line) => {
    const [id, n] = line.split(" ");
    confirmed.set(id, Number(n) + 1);
    count++;
    onLine();
  });
  return {
    ...running,
    client,
    confirmed,
    /** Resolves once so many more steps are confirmed; rejects when the process ends before, or confirms none for a long time. */
    async steps(more) {
      const wanted = count + more;
      let timer;
      const reached = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`no step was confirmed for ${STALL_MS} ms`)), STALL_MS);
        onLine = () => (count >= wanted ? resolve() : timer.refresh());
      });
      try {
        await whileRunning([running], reached);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Content that a sender's store has to have, step by step. */
export function createModel(sender) {
  const store = createMemoryRegistrationStore();
  return {
    done: 0,
    async advance() {
      await step(store, sender, this.done++);
    },
    state(n) {
      return stateOf(store, sender, n);
    },
  };
}

/** Runs the kills. @returns counts, and everything that was wrong in words. */
export async function soakRegistrations({ store: name, location, kills, seed = 1, log = () => {} }) {
  const random = seeded(seed);
  const processes = PROCESSES.map((letter) => ({
    senders: SENDERS.map((number) => ({ id: `${letter}${number}`, model: createModel(`${letter}${number}`) })),
    running: undefined,
  }));
  const wrong = [];
  let confirmed = 0;
  let unconfirmed = 0;
  const store = await openStore(name, location);
  const { cursor } = await store.changes({ from: "newest", limit: 1 });
  try {
    for (const each of processes) each.running = startProcess(name, location, each.senders);
    for (let kill = 1; kill <= kills; kill++) {
      const { senders, running } = processes[Math.floor(random() * processes.length)];
      await running.steps(10 + Math.floor(random() * 40));
      await sleep(random() * 20);
      await running.kill();
      // a server goes on with what it was asked for before it notices that the process is gone
      await store.untilGone(running.client);
      for (const { id, model } of senders) {
        const n = running.confirmed.get(id);
        for (confirmed += n - model.done; model.done < n; ) await model.advance();
        const found = await stateOf(store, id, n);
        if (isDeepStrictEqual(found, await model.state(n))) continue;
        await model.advance(); // was under way, and may be there: whole
        unconfirmed++;
        const wanted = await model.state(n);
        if (!isDeepStrictEqual(found, wanted))
          wrong.push(`kill ${kill}, sender ${id}, step ${n}: ${JSON.stringify({ found, wanted })}`);
      }
      log(`kill ${kill}: ${confirmed} steps confirmed, ${unconfirmed} there unconfirmed, ${wrong.length} wrong`);
      if (wrong.length > 0) break;
      const place = processes.find((each) => each.running === running);
      place.running = startProcess(name, location, senders);
    }
    for (const { running } of processes) {
      await running.kill();
      await store.untilGone(running.client);
    }
    wrong.push(...(await inconsistencies(store, cursor)));
  } finally {
    // those of a run that failed: their error is known
    for (const { running } of processes) running?.kill().catch(() => undefined);
    await store.close();
  }
  return { store: name, kills, confirmed, unconfirmed, wrong };
}

/** Compares the store's answers with each other: pages, counts, states, the feed. */
export async function inconsistencies(store, from) {
  const wrong = [];
  let registrations = 0;
  const users = new Set();
  for (let after; ; ) {
    const page = await store.registrations({ after, limit: 1_000 });
    for (const each of page.registrations) {
      registrations++;
      users.add(each.userId);
      if (each.revision === null) wrong.push(`the token ${each.token} has a user and no state`);
      const own = await store.registrationsOf(each.userId);
      if (!own.some((other) => other.token === each.token)) wrong.push(`the user ${each.userId} lacks ${each.token}`);
    }
    after = page.next;
    if (after === undefined) break;
  }
  const counts = await store.counts();
  if (!isDeepStrictEqual(counts, { registrations, users: users.size }))
    wrong.push(`counts ${JSON.stringify(counts)}, found ${registrations} of ${users.size}`);
  const seen = new Set();
  for (let cursor = from; ; ) {
    const page = await store.changes({ from: cursor, limit: 1_000 });
    for (const change of page.changes) {
      if (seen.has(change.cursor)) wrong.push(`change ${change.cursor} came twice`);
      seen.add(change.cursor);
    }
    if (page.changes.length === 0) break;
    cursor = page.cursor;
  }
  return wrong;
}

/** A random number generator that can be repeated (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

if (process.argv[1] === FILE) {
  const { values } = parseArgs({
    options: {
      store: { type: "string", default: "lmdb" },
      location: { type: "string" },
      kills: { type: "string", default: "50" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      client: { type: "string" },
      places: { type: "string" },
    },
  });
  if (values.places !== undefined) await write(values.store, values.location, values.client, JSON.parse(values.places));
  const folder = values.location === undefined ? mkdtempSync(join(tmpdir(), "soak-registrations-")) : undefined;
  try {
    const result = await soakRegistrations({
      store: values.store,
      location: values.location ?? join(folder, "store"),
      kills: Number(values.kills),
      seed: Number(values.seed),
      log: values.json ? undefined : console.log,
    });
    console.log(values.json ? JSON.stringify(result) : result);
    process.exitCode = result.wrong.length === 0 ? 0 : 1;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
