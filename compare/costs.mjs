// What each client costs: CPU per message, a cold start, memory, and what is installed.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { measureCase } from "../bench/lib/measure.mjs";
import { median } from "../bench/lib/statistics.mjs";
import { installedCost, withSiblings } from "../test/packaging/matrix/costs.mjs";
import { packAll } from "../test/packaging/matrix/project.mjs";
import cases, { NO_FAULT } from "./cost-cases.mjs";
import { runOverCcs, runOverHttp } from "./lib/pair.mjs";
import { installedVersions } from "./versions.mjs";

const COLD_ROUNDS = 3;

/** `{ rounds, starts }`: one row per client each. */
export async function costs(context) {
  process.env.COMPARE_ACCOUNT = context.account;
  const rounds = [];
  const starts = [];
  for (const [index, definition] of cases.entries()) {
    const url = new URL("./cost-cases.mjs", import.meta.url).href;
    const { contestants } = await measureCase(definition, { url, index, quick: false });
    for (const { name, cpuUs, perSecond, rssMb } of contestants) {
      const row = { protocol: definition.name, client: name, cpuUs: median(cpuUs), rssMb };
      rounds.push({ ...row, least: Math.min(...cpuUs), most: Math.max(...cpuUs), perSecond: median(perSecond) });
      console.log(JSON.stringify(rounds.at(-1)));
    }
    starts.push(...(await coldStarts(definition, context)));
  }
  return { rounds, starts };
}

/** Processes that send one message, in turns. */
async function coldStarts({ name: protocol, contestants }, context) {
  const runOne = protocol === "ccs" ? runOverCcs : runOverHttp;
  const rows = Object.keys(contestants).map((client) => ({ protocol, client, runs: [] }));
  for (let round = 0; round < COLD_ROUNDS; round++) {
    for (const { client, runs } of rows) {
      const { done, ended } = await runOne({ protocol, client }, NO_FAULT, context, { afterMs: 0 });
      if (done === undefined) throw new Error(`${protocol} ${client} did not send its message: ${ended}`);
      runs.push(done);
    }
  }
  return rows.map(({ runs, ...row }) => ({
    ...row,
    cpuMs: median(runs.map(({ cpuMs }) => cpuMs)),
    ms: median(runs.map(({ ms }) => ms)),
    rssMb: median(runs.map(({ rssMb }) => rssMb)),
  }));
}

/** `{ versions, libraries }`: packages and bytes that npm installs for each library. */
export async function sizes({ folder }) {
  const packed = join(folder, "packed");
  mkdirSync(packed);
  const tarballs = await packAll(packed);
  const ours = ["http-sender", "ccs-client", "node-gcm"].map((name) => `@cloud-messaging/${name}`);
  const rows = [];
  for (const [name, version] of [...ours.map((name) => [name]), ...installedVersions()]) {
    const path = join(folder, `size-${name.replaceAll(/\W+/g, "-")}`);
    mkdirSync(path);
    const specs = version === undefined ? await withSiblings(name, tarballs) : [`${name}@${version}`];
    rows.push({ name, ...(await installedCost(path, specs)) });
    console.log(JSON.stringify(rows.at(-1)));
  }
  return { versions: installedVersions(), libraries: rows };
}
