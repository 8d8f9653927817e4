// How much memory does a message take: garbage, heap while it has no answer, and the process that sends to a million tokens?
//
//   npm run bench:memory [-- "garbage: GCM HTTP" …] [--rounds 6] [--json]
//
// Ours and the bare library in turns, each time in a fresh process. Bytes do not depend on what else the machine does.
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { HEAP_FLAGS } from "./lib/heap.mjs";
import { median } from "./lib/statistics.mjs";
import { ratioOf, readRounds, takeTurns } from "./lib/turns.mjs";
import cases from "./memory-cases.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "6" }, json: { type: "boolean", default: false } },
});
const rounds = readRounds(values.rounds);
const url = new URL("./memory-cases.mjs", import.meta.url).href;
/** Tasks of a process, and the number that counts of the answer to the last one. */
const MEASURES = {
  garbage: {
    unit: "bytes per message",
    tasks: ({ messages }) => [
      { task: "cost", messages: 3 * messages },
      { task: "garbage", messages },
    ],
    value: ({ bytes }) => bytes,
  },
  pending: {
    unit: "bytes per message",
    tasks: ({ messages }) => [{ task: "heldWhilePending", messages }],
    value: ({ bytes }) => bytes,
  },
  rss: {
    unit: "MiB, peak RSS",
    tasks: ({ messages }) => [{ task: "cost", messages }],
    value: ({ rssMb }) => rssMb,
  },
};

const rows = [];
for (const [index, definition] of cases.entries()) {
  if (positionals.length > 0 && !positionals.includes(definition.name)) continue;
  process.stderr.write(`${definition.name} …\n`);
  const { unit, tasks, value } = MEASURES[definition.measure];
  const execArgv = definition.measure === "rss" ? [] : HEAP_FLAGS;
  const answers = await takeTurns(
    { url, index },
    { names: ["ours", "floor"], rounds, tasks: tasks(definition), execArgv },
  );
  const ours = answers.ours.map(value);
  const floor = answers.floor.map(value);
  const { ratio, words } = ratioOf(ours, floor);
  const { bytes, floor: limit } = definition.target;
  const met = bytes === undefined ? ratio <= limit : median(ours) <= bytes;
  rows.push({
    case: definition.name,
    unit,
    ours: Math.round(median(ours)),
    least: Math.round(Math.min(...ours)),
    most: Math.round(Math.max(...ours)),
    floor: Math.round(median(floor)),
    ratio: words,
    target: `${bytes === undefined ? `${limit} ×` : `${bytes} bytes`}: ${met ? "met" : "not met"}`,
  });
  if (values.json) console.log(JSON.stringify(rows.at(-1)));
}
if (!values.json) {
  console.table(rows);
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}; medians of ${rounds} rounds`,
  );
}
