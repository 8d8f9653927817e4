// Packs every package, installs the tarballs as users do, and runs them in every combination that is supported.
//
//   npm run test:matrix [-- group …] [-- --quick | --write]
//
// --quick keeps to the combinations that CI tries on every change; --write puts the tables of the groups into docs/compatibility.md.
// The group "costs" measures sizes and import times for that page.
// Ends with a line "N passed, N failed".
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { costs } from "./costs.mjs";
import { bundlers } from "./groups/bundlers.mjs";
import { checkers } from "./groups/checkers.mjs";
import { frameworks } from "./groups/frameworks.mjs";
import { managers } from "./groups/managers.mjs";
import { pages } from "./groups/pages.mjs";
import { runners } from "./groups/runners.mjs";
import { runtimes } from "./groups/runtimes.mjs";
import { typescript } from "./groups/typescript.mjs";
import { compatibilityPage } from "./page.mjs";
import { emulatorProgram } from "./programs.mjs";
import { packAll, ROOT } from "./project.mjs";
import { npmInstall, startService } from "./shell.mjs";

const GROUPS = { runtimes, typescript, bundlers, managers, runners, frameworks, checkers, pages };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, write: { type: "boolean", default: false } },
});
const names = [...Object.keys(GROUPS), "costs"];
const unknown = positionals.filter((group) => !names.includes(group));
if (unknown.length > 0) throw new Error(`no such group: ${unknown}; there are ${names.join(", ")}`);
if (values.write && values.quick) throw new Error("--write takes every combination of a group");

const began = performance.now();
const secondsSince = (time) => ((performance.now() - time) / 1000).toFixed(1);
const work = mkdtempSync(join(tmpdir(), "cloud-messaging-matrix-"));
const folder = (name) => {
  const path = join(work, name);
  mkdirSync(path, { recursive: true });
  return path;
};
const results = [];

/** Tries the entries of a group, as many at a time as there are processors. */
async function tryGroup(group, { entries, prepare }, tools) {
  const chosen = entries.filter(({ quick }) => quick || !values.quick);
  const needs = [...new Set(chosen.flatMap((entry) => entry.needs ?? []))];
  if (needs.length > 0) await npmInstall(needs, { cwd: tools });
  if (chosen.length > 0) await prepare?.();
  const waiting = chosen.map((entry) => ({ group, ...entry }));
  const rows = [...waiting];
  const work = async () => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      const started = performance.now();
      try {
        if (entry.cannot === undefined) await entry.run();
      } catch (error) {
        entry.problem = error.message;
      }
      const { name, cannot, problem } = entry;
      const mark = cannot !== undefined ? `no: ${cannot}` : problem === undefined ? "ok" : `FAILED\n${problem}`;
      console.log(`${group}: ${name}: ${mark} (${secondsSince(started)} s)`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  results.push(...rows);
}

/** Others' packages that ours want beside them, with their ranges: npm installs them by itself, and a project names them. */
function peersOf(plain, packages) {
  const peers = {};
  for (const name of packages) {
    const manifest = JSON.parse(readFileSync(join(plain, "node_modules", name, "package.json"), "utf8"));
    for (const [peer, range] of Object.entries(manifest.peerDependencies ?? {})) {
      if (!packages.includes(peer) && !manifest.peerDependenciesMeta?.[peer]?.optional) peers[peer] = range;
    }
  }
  return peers;
}

/** Puts what is known so far into the page. */
function writePage(measured) {
  const page = join(ROOT, "docs/compatibility.md");
  writeFileSync(page, compatibilityPage(results, measured, existsSync(page) ? readFileSync(page, "utf8") : ""));
}

let emulator;
try {
  const tarballs = await packAll(folder("packed"));

  // the one installation that most combinations share
  const plain = folder("plain");
  await npmInstall([...Object.values(tarballs), "@types/node@20"], { cwd: plain });
  const peers = peersOf(plain, Object.keys(tarballs));
  writeFileSync(join(plain, "emulator.mjs"), emulatorProgram);
  emulator = await startService(process.execPath, [join(plain, "emulator.mjs")], { cwd: plain });
  const env = { EMULATOR: emulator.first, CI: "true", NO_COLOR: "1" };
  console.log(`packed and installed (${secondsSince(began)} s)`);

  for (const group of positionals.length > 0 ? positionals : names) {
    const started = performance.now();
    if (group === "costs") {
      if (values.write) writePage(await costs({ folder, tarballs }));
    } else {
      const tools = folder(`${group}-tools`);
      await tryGroup(group, GROUPS[group]({ plain, folder, tarballs, peers, tools, env }), tools);
      if (values.write) writePage();
    }
    console.log(`${group}: ${secondsSince(started)} s`);
  }
} finally {
  await emulator?.stop();
  rmSync(work, { recursive: true, force: true });
}

const failed = results.filter(({ problem }) => problem !== undefined).length;
const passed = results.filter(({ problem, cannot }) => problem === undefined && cannot === undefined).length;
console.log(`took ${secondsSince(began)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
