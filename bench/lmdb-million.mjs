// A million registrations in the store on lmdb: the time to store them, the disk, the memory, the start of another process; then 2 % of them
// are pruned, batch by batch in turn by the store and by the bare driver with the same statements, and their CPU time is compared.
//
//   node bench/lmdb-million.mjs [--count 1000000] [--json]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createManualClock } from "@cloud-messaging/core";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { inTransaction, openBare } from "./lib/bare-lmdb.mjs";
import { median } from "./lib/statistics.mjs";

const FILE = fileURLToPath(import.meta.url);
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    json: { type: "boolean", default: false },
    step: { type: "string" },
    folder: { type: "string" },
  },
});
const count = Number(values.count);
const unseen = Math.round(count / 50);
const LONG_AGO = 1_000;
const token = (n) => `c${String(n).padStart(21, "0")}:APA91b${"x".repeat(134)}`;
const user = (n) => `user-${n >> 1}`;
const page = 1_000;

function measured(before, startedAt) {
  const { user: own, system } = process.cpuUsage(before);
  return {
    cpuSec: Math.round((own + system) / 1e4) / 100,
    wallSec: Math.round((performance.now() - startedAt) / 10) / 100,
    rssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

async function measure(run) {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const more = await run();
  return { ...more, ...measured(before, startedAt) };
}

const STEPS = {
  load: (folder) =>
    measure(async () => {
      const load = async (from, to, clock) => {
        const store = createLmdbRegistrationStore({ path: folder, ...(clock && { clock }) });
        for (let start = from; start < to; start += page) {
          const length = Math.min(page, to - start);
          await Promise.all(
            Array.from({ length }, (_, at) =>
              store.register(user(start + at), token(start + at), { platform: "android" }),
            ),
          );
        }
        await store.close();
      };
      await load(0, unseen, createManualClock(LONG_AGO));
      await load(unseen, count);
    }),

  /** Another process: from nothing to the registrations of one user. */
  start: (folder) =>
    measure(async () => {
      const store = createLmdbRegistrationStore({ path: folder });
      const found = store.registrationsOf(user(count >> 1)).length;
      const tokens = Array.from({ length: page }, (_, n) => token((n * 7_919) % count));
      const startedAt = performance.now();
      const stored = store.resolve(tokens).states.filter(({ revision }) => revision !== null).length;
      const firstResolveMs = Math.round((performance.now() - startedAt) * 100) / 100;
      await store.close();
      return { found, stored, firstResolveMs };
    }),

  async prune(folder) {
    const store = createLmdbRegistrationStore({ path: folder });
    const bare = openBare(folder);
    const cpuUs = { floor: [], ours: [] };
    for (let batch = 0; batch < unseen / page; batch++) {
      const which = batch % 2 === 0 ? "floor" : "ours";
      const before = process.cpuUsage();
      const removed =
        which === "floor"
          ? await barePrune(bare)
          : (await store.removeUnseen({ before: LONG_AGO + 1, limit: page })).removed.length;
      const { user: own, system } = process.cpuUsage(before);
      if (removed !== page) throw new Error(`${removed} of ${page} were removed`);
      cpuUs[which].push((own + system) / page);
    }
    await store.close();
    await bare.root.close();
    // the first batches are those of a process that is not warm yet
    const [floor, ours] = [cpuUs.floor, cpuUs.ours].map((each) => median(each.slice(Math.floor(each.length / 4))));
    return { floorUs: floor.toFixed(1), oursUs: ours.toFixed(1), ratio: (ours / floor).toFixed(2) };
  },
};

/** Removes a page of the registrations that were seen the longest ago; none of them shares its token. */
function barePrune(bare) {
  const { registrations, users, tokens, ages, changes } = bare;
  return inTransaction(bare, (numbers) => {
    const keys = [...ages.getKeys({ start: [0], end: [0, LONG_AGO + 1], limit: page })];
    const removed = keys.map((key) => {
      const id = key[2];
      const registration = registrations.get(id);
      const [userId, name] = registration;
      const row = tokens.get(name);
      registrations.remove(id);
      users.remove(userId, id);
      if (!users.doesExist(userId)) numbers.users--;
      ages.remove(key);
      tokens.remove(name);
      // stored tokens of the installation
      const fid = name.slice(0, 22);
      const installation = tokens.get(fid);
      if (installation[7] > 1) tokens.put(fid, [...installation.slice(0, 7), installation[7] - 1]);
      else tokens.remove(fid);
      const change = { type: "removed", token: name, reason: "unseen", userIds: [userId], at: Date.now() };
      changes.put(++numbers.lastChange, change);
      return [...registration, row[0]];
    });
    return removed.length;
  });
}

if (values.step !== undefined) {
  console.log(JSON.stringify(await STEPS[values.step](values.folder)));
} else {
  const parent = mkdtempSync(join(tmpdir(), "lmdb-million-"));
  const run = (step, name) => {
    const args = [FILE, "--step", step, "--folder", join(parent, name), "--count", String(count)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${step} ended with ${status}: ${stderr}`);
    return JSON.parse(stdout);
  };
  try {
    const results = { load: run("load", "db") };
    results.load.diskMb = Math.round(statSync(join(parent, "db/data.mdb")).size / 1_048_576);
    results.load.bytesEach = Math.round(statSync(join(parent, "db/data.mdb")).size / count);
    results.start = run("start", "db");
    results.prune = run("prune", "db");
    if (values.json) console.log(JSON.stringify(results));
    else console.table(results);
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}
