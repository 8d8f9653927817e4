// How long does a message take, from its planned start to its outcome, when messages come at a fixed rate?
//
//   npm run bench:latency [-- gcm v1 ccs] [--rate 5000] [--seconds 5] [--rounds 6] [--json]
//
// Open loop, so that a pause counts for every message that it delays. Each round is a fresh process: two seconds to warm up, then the
// seconds that count. Times in milliseconds, medians over rounds; `pause` is the longest time between two turns of the event loop of all rounds.
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { median } from "./lib/statistics.mjs";
import { findCase, ratioOf, readRounds, takeTurns } from "./lib/turns.mjs";

const CASES = { gcm: ["http", "http-single"], v1: ["v1", "v1-http1"], ccs: ["ccs", "ccs-send"] };
const PERCENTILES = ["p50", "p99", "p999"];
const WARM_UP_SEC = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: "string", default: "5000" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "6" },
    json: { type: "boolean", default: false },
  },
});
const rounds = readRounds(values.rounds);
const perSecond = Number(values.rate);
const load = (seconds) => ({ task: "latency", perSecond, seconds });
const tasks = [load(WARM_UP_SEC), load(Number(values.seconds))];

const rows = [];
for (const protocol of positionals.length > 0 ? positionals : Object.keys(CASES)) {
  if (CASES[protocol] === undefined) throw new Error(`no protocol is named ${protocol}: use gcm, v1 or ccs`);
  const [file, caseName] = CASES[protocol];
  const found = await findCase(new URL(`./cases/${file}.mjs`, import.meta.url).href, caseName);
  // of several floors, the one over the same version of HTTP
  const names = Object.keys(found.definition.contestants).filter((name) => name !== "floor-http2");
  process.stderr.write(`${protocol} …\n`);
  const answers = await takeTurns(found, { names, rounds, tasks });
  for (const name of names) {
    const of = (field, whose = name) => answers[whose].map((answer) => answer[field]);
    const row = { protocol, name };
    for (const percentile of PERCENTILES) row[percentile] = Number(median(of(percentile)).toFixed(2));
    row.pause = Number(Math.max(...of("longestPauseMs")).toFixed(1));
    row.sent = `${Math.round(100 * median(of("sentPart")))} %`;
    row.failed = Math.max(...of("failed"));
    if (name === "ours") {
      for (const percentile of PERCENTILES)
        row[`${percentile} to floor`] = ratioOf(of(percentile), of(percentile, "floor")).words;
    }
    rows.push(row);
    if (values.json) console.log(JSON.stringify(row));
  }
}
if (!values.json) {
  console.table(rows);
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}; ${perSecond} a second for ${values.seconds} s, ${rounds} rounds`,
  );
}
