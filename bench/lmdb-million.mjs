// A million registrations in the store on lmdb: the time to store them, the disk, the memory, the start of another process, and the
// pruning of 1 %, beside the bare driver doing the same statements on a copy.
//
//   node bench/lmdb-million.mjs [--count 1000000] [--json]
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createManualClock } from "@cloud-messaging/core";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { open } from "lmdb";

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
const unseen = Math.round(count / 100);
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

  prune: (folder) =>
    measure(async () => {
      const store = createLmdbRegistrationStore({ path: folder });
      let removed = 0;
      for (let more = true; more; ) {
        const answer = await store.removeUnseen({ before: LONG_AGO + 1, limit: page });
        removed += answer.removed.length;
        more = answer.more;
      }
      await store.close();
      return { removed };
    }),

  barePrune: (folder) =>
    measure(async () => {
      const root = open({
        path: folder,
        noSubdir: false,
        maxDbs: 16,
        overlappingSync: false,
        eventTurnBatching: false,
      });
      const table = (name, options = {}) => root.openDB(name, options);
      const [meta, registrations, tokens, ages] = ["meta", "registrations", "tokens", "ages"].map((name) =>
        table(name),
      );
      const users = table("users", { dupSort: true, encoding: "ordered-binary" });
      const changes = table("changes", { encoding: "json" });
      let removed = 0;
      for (let last = page; last === page; ) {
        last = await root.transaction(() => {
          const numbers = { ...meta.get("numbers") };
          const keys = [...ages.getKeys({ start: [0], end: [0, LONG_AGO + 1], limit: page })];
          for (const key of keys) {
            const id = key[2];
            const [userId, name] = registrations.get(id);
            tokens.get(name);
            void registrations.remove(id);
            void users.remove(userId, id);
            if (!users.doesExist(userId)) numbers.users--;
            void ages.remove(key);
            void tokens.remove(name);
            void changes.put(++numbers.lastChange, {
              type: "removed",
              token: name,
              reason: "unseen",
              userIds: [userId],
              at: Date.now(),
            });
          }
          void meta.put("numbers", numbers);
          return keys.length;
        });
        removed += last;
      }
      await root.close();
      return { removed };
    }),
};

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
    cpSync(join(parent, "db/data.mdb"), join(parent, "copy/data.mdb"));
    results["prune of 1 %"] = run("prune", "db");
    results["prune of 1 %, bare lmdb"] = run("barePrune", "copy");
    if (values.json) console.log(JSON.stringify(results));
    else console.table(results);
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}
