// What a package brings along: packages and bytes installed, and how long the first import takes beyond Node itself.
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./shell.mjs";

const RUNS = 9;

function installedSize(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function importCost(cwd, specifier, statement) {
  const net = [];
  for (let round = 0; round < RUNS; round++) {
    const timed = async (code) => {
      const begun = performance.now();
      await run(process.execPath, ["--input-type=module", "-e", code], { cwd });
      return performance.now() - begun;
    };
    net.push((await timed(statement.replace("%", specifier))) - (await timed("")));
  }
  return median(net);
}

/** One row per package and per peer. */
export async function costs({ folder, tarballs }) {
  const rows = [];
  const peers = {
    undici: "undici@7",
    "firebase-admin/messaging": "firebase-admin@13",
    "node-gcm": "node-gcm@1",
    "@xmpp/client": "@xmpp/client@0.14",
  };
  const core = tarballs["@cloud-messaging/core"];
  const wanted = [
    ...Object.keys(tarballs).map((name) => [name, Object.values(tarballs)]),
    ...Object.entries(peers).map(([name, spec]) => [name, [spec]]),
  ];
  for (const [name, specs] of wanted) {
    const path = folder(`cost-${name.replaceAll(/\W+/g, "-")}`);
    writeFileSync(join(path, "package.json"), "{}");
    const own = tarballs[name] === undefined ? specs : await withSiblings(name, tarballs, core);
    await run("npm", ["install", "--no-audit", "--no-fund", ...own], { cwd: path });
    const listed = JSON.parse(await run("npm", ["ls", "--all", "--json", "--long"], { cwd: path }));
    const names = new Set();
    const walk = ({ dependencies = {} }) => {
      for (const [dependency, facts] of Object.entries(dependencies)) {
        names.add(`${dependency}@${facts.version}`);
        walk(facts);
      }
    };
    walk(listed);
    rows.push({
      name,
      packages: names.size,
      bytes: installedSize(join(path, "node_modules")),
      importMs: await importCost(path, name, 'await import("%");'),
    });
  }
  return rows;
}

/** A package with those of ours that it depends on, so that npm asks nobody for them. */
async function withSiblings(name, tarballs) {
  const needed = new Set();
  const add = async (sibling) => {
    if (needed.has(sibling)) return;
    needed.add(sibling);
    const manifest = JSON.parse(await run("tar", ["-xzOf", tarballs[sibling], "package/package.json"]));
    for (const dependency of Object.keys(manifest.dependencies ?? {}))
      if (dependency in tarballs) await add(dependency);
  };
  await add(name);
  return [...needed].map((sibling) => tarballs[sibling]);
}
