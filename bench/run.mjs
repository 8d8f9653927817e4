// Runs benchmark cases and prints one table (or, with --json, one line per case).
//
//   node bench/run.mjs [group or case name …] [--quick] [--json] [--profile]
//   node bench/run.mjs [group or case name …] --against <commit> | floor [--pairs 20] [--quick] [--json]
//
// --quick sends fewer messages and leaves cases out: under 50 seconds for everything on a quiet machine, and good for a first look.
// --against builds another commit in a temporary folder, runs its `ours` and this tree's in turn, and says what a message costs here
// compared with there; --pairs for more than 20 turns, where that was too noisy. --against floor does the same with each case's own floor.
//
// Every file in cases/ exports a list of cases. A case has contestants: `floor` (the bare library doing the same work), `ours`, and
// peers. Each runs in a process of its own against a canned server in yet another one; they take turns, round by round, so that what
// else happens on the machine hits all of them. What counts is the client's CPU time per message: it is what a push backend pays.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { measureCase } from "./lib/measure.mjs";
import { measurePairs } from "./lib/pairs.mjs";
import { jsonLine, pairsLine, printPairs, printTable } from "./lib/report.mjs";
import { medianBounds, verdict } from "./lib/statistics.mjs";
import { findCase } from "./lib/turns.mjs";
import { buildCommit } from "./lib/worktree.mjs";

const MIN_PAIRS = 20;
const FLOOR = "floor";
const SIGNALS = ["SIGINT", "SIGTERM"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    against: { type: "string" },
    pairs: { type: "string", default: String(MIN_PAIRS) },
  },
});

// a file is named after its group, and its cases begin with that name: files that nobody asked for are not loaded, since each needs
// packages of its own
const isWanted = (file) => {
  const group = file.slice(0, -".mjs".length);
  return positionals.length === 0 || positionals.some((word) => word === group || word.startsWith(`${group}-`));
};
const files = (await readdir(new URL("./cases/", import.meta.url)))
  .filter((file) => file.endsWith(".mjs") && isWanted(file))
  .sort();
const wanted = [];
for (const file of files) {
  const url = new URL(`./cases/${file}`, import.meta.url).href;
  const { default: cases } = await import(url);
  for (const [index, definition] of cases.entries()) {
    const isNamed =
      positionals.length === 0 || positionals.some((word) => [definition.group, definition.name].includes(word));
    if (isNamed && !(values.quick && definition.fullOnly)) wanted.push({ file, url, index, definition });
  }
}
if (wanted.length === 0) {
  console.error(`no case is named ${positionals.join(", ")}`);
  process.exitCode = 1;
} else if (values.against === undefined) await runAlone();
else await runAgainst(values.against);

async function runAlone() {
  const results = [];
  for (const { url, index, definition } of wanted) {
    if (!values.json) process.stderr.write(`${definition.name} …\n`);
    const result = await measureCase(definition, { url, index, quick: values.quick, profile: values.profile });
    results.push(result);
    if (values.json) console.log(jsonLine(result));
  }
  if (!values.json) printTable(results);
}

async function runAgainst(commitName) {
  const pairs = Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < MIN_PAIRS) {
    throw new Error(`--pairs must be a whole number of ${MIN_PAIRS} or more, not ${values.pairs}: fewer prove nothing`);
  }
  const isFloor = commitName === FLOOR;
  if (!isFloor) process.stderr.write(`building ${commitName} …\n`);
  const { commit, folder, remove } = isFloor ? { commit: FLOOR, remove() {} } : buildCommit(commitName);
  const interrupted = () => {
    remove();
    process.exit(130);
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    const results = [];
    for (const { file, url, index, definition } of wanted) {
      const { name } = definition;
      const there = isFloor
        ? floorOf(definition, { url, index })
        : await caseAt(join(folder, "bench/cases", file), name);
      const limit = isFloor ? definition.target?.floor : undefined;
      const messages = values.quick ? Math.ceil(definition.messages / 3) : definition.messages;
      const onPair = (done) => {
        if (!values.json) process.stderr.write(`\r${name}: ${done} of ${pairs} pairs${done === pairs ? "\n" : ""}`);
      };
      const ratios = there && (await measurePairs([{ url, index }, there], { messages, pairs, onPair }));
      results.push({ name, ratios, limit });
      if (values.json) console.log(pairsLine({ name, ratios, limit }, commit));
    }
    if (!values.json) printPairs(results, commit);
    if (results.some(({ ratios, limit }) => ratios !== undefined && verdict(medianBounds(ratios), limit) === "dearer"))
      process.exitCode = 1;
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupted);
    remove();
  }
}

function floorOf({ contestants }, side) {
  return contestants.floor && { ...side, name: FLOOR };
}

/** A case of the other commit by its name; `undefined` where it has none. */
async function caseAt(path, name) {
  if (!existsSync(path)) return undefined;
  return findCase(pathToFileURL(path).href, name);
}
