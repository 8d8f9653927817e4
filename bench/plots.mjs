// How does the cost of a message grow? Measures bench/sweeps.mjs and writes a plot for each thing that grows to docs/images/.
//
//   npm run bench:plots [-- window payload …] [--quick] [--up-to 1000000]
//
// Each point is the median over rounds of the client's CPU time, its bar the least and the most. --up-to leaves larger values out: the
// outbox with 10 million waiting takes 3 GB of disk for each of its two contestants, and a quarter of an hour.
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measureCase } from "./lib/measure.mjs";
import { median } from "./lib/statistics.mjs";
import { drawPlot } from "./lib/svg-plot.mjs";
import sweeps from "./sweeps.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, "up-to": { type: "string", default: "Infinity" } },
});
const LABELS = {
  "tokens-per-request": { x: "tokens per request", y: "CPU µs per request, GCM HTTP" },
  connections: { x: "connections, 64 messages in flight", y: "CPU µs per message, GCM HTTP" },
  "in-flight": { x: "messages in flight, up to 64 connections", y: "CPU µs per message, GCM HTTP" },
  window: { x: "window (unacknowledged messages)", y: "CPU µs per message, CCS, 1 KB" },
  payload: { x: "payload in bytes", y: "CPU µs per message, CCS, window 100" },
  registrations: { x: "devices in the registration store", y: "CPU µs per token, lookup of 1000" },
  backlog: { x: "recipients that wait in the outbox", y: "CPU µs per message, embedded outbox" },
};
const unknown = positionals.filter((name) => LABELS[name] === undefined);
if (unknown.length > 0)
  throw new Error(`no plot is named ${unknown.join(", ")}: use ${Object.keys(LABELS).join(", ")}`);

const url = new URL("./sweeps.mjs", import.meta.url).href;
for (const plot of positionals.length > 0 ? positionals : Object.keys(LABELS)) {
  const series = new Map();
  for (const [index, definition] of sweeps.entries()) {
    if (definition.plot !== plot || definition.x > Number(values["up-to"])) continue;
    process.stderr.write(`${definition.name} …\n`);
    const { contestants } = await measureCase(definition, { url, index, quick: values.quick });
    for (const { name, cpuUs } of contestants) {
      const points = series.get(name) ?? [];
      points.push({ x: definition.x, y: median(cpuUs), least: Math.min(...cpuUs), most: Math.max(...cpuUs) });
      series.set(name, points);
    }
  }
  const machine = `${cpus().length} × ${cpus()[0].model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}, load ${loadavg()[0].toFixed(1)}`;
  const file = new URL(`../docs/images/cost-by-${plot}.svg`, import.meta.url);
  writeFileSync(file, drawPlot({ ...LABELS[plot], note: `${machine}; bars: least and most of the rounds`, series }));
}
