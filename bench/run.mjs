// Runs benchmark cases and prints one table (or, with --json, one line per case).
//
//   node bench/run.mjs [group or case name …] [--quick] [--json] [--profile]
//
// --quick sends fewer messages and leaves cases out: under 50 seconds for everything on a quiet machine, and good for a first look.
//
// Every file in cases/ exports a list of cases. A case has contestants: `floor` (the bare library doing the same work), `ours`, and
// peers. Each runs in a process of its own against a canned server in yet another one; they take turns, round by round, so that what
// else happens on the machine hits all of them. What counts is the client's CPU time per message: it is what a push backend pays.
import { readdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { measureCase } from "./lib/measure.mjs";
import { jsonLine, printTable } from "./lib/report.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
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
const results = [];
for (const file of files) {
  const url = new URL(`./cases/${file}`, import.meta.url);
  const { default: cases } = await import(url);
  for (const [index, definition] of cases.entries()) {
    const wanted =
      positionals.length === 0 || positionals.some((word) => [definition.group, definition.name].includes(word));
    if (!wanted || (values.quick && definition.fullOnly)) continue;
    if (!values.json) process.stderr.write(`${definition.name} …\n`);
    const result = await measureCase(definition, {
      url: url.href,
      index,
      quick: values.quick,
      profile: values.profile,
    });
    results.push(result);
    if (values.json) console.log(jsonLine(result));
  }
}
if (results.length === 0) {
  console.error(`no case is named ${positionals.join(", ")}`);
  process.exitCode = 1;
} else if (!values.json) printTable(results);
