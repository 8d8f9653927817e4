// What a package brings along: packages and bytes installed, and how long the first import takes beyond Node itself.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { npmInstall, run } from "./shell.mjs";

const RUNS = 9;

function installedSize(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}

/** Milliseconds of the first import in a process that has done nothing else; of several runs the quickest, which others disturbed least. */
async function importCost(cwd, specifier) {
  const program = `const began = performance.now(); await import("${specifier}"); console.log(performance.now() - began);`;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < RUNS; round++) {
    least = Math.min(least, Number(await run(process.execPath, ["--input-type=module", "-e", program], { cwd })));
  }
  return least;
}

/** Number of packages that npm installs for these specifiers, themselves included, and their bytes on disk. */
export async function installedCost(path, specs) {
  await npmInstall(specs, { cwd: path });
  const listed = JSON.parse(await run("npm", ["ls", "--all", "--json", "--long"], { cwd: path }));
  const names = new Set();
  const walk = ({ dependencies = {} }) => {
    for (const [dependency, facts] of Object.entries(dependencies)) {
      names.add(`${dependency}@${facts.version}`);
      walk(facts);
    }
  };
  walk(listed);
  return { packages: names.size, bytes: installedSize(join(path, "node_modules")) };
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
  const wanted = [
    ...Object.keys(tarballs).map((name) => [name, []]),
    ...Object.entries(peers).map(([name, spec]) => [name, [spec]]),
  ];
  for (const [name, specs] of wanted) {
    const path = folder(`cost-${name.replaceAll(/\W+/g, "-")}`);
    const installed = await installedCost(path, name in tarballs ? await withSiblings(name, tarballs) : specs);
    rows.push({ name, ...installed, importMs: await importCost(path, name) });
  }
  return rows;
}

/** A package with those of ours that it depends on, so that npm asks nobody for them. */
export async function withSiblings(name, tarballs) {
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
