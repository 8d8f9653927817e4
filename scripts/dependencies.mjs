// What an installation of a package brings with it at run time: every package, its licence, its size.
//
//   node scripts/dependencies.mjs
//
// A test holds each package to a budget (test/packaging/dependencies.test.ts).
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** Licences that ask for no more than their own text: all that run-time dependencies may have. */
export const LICENCES = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

/** Folder of a dependency as Node finds it from a package's folder; undefined for an optional one that is not installed. */
function folderOf(name, from) {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return realpathSync(folder);
    if (at === dirname(at)) return undefined;
  }
}

/** Size of a package's own files. Bytes. */
function bytesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.name === "node_modules" || entry.isSymbolicLink()) return sum;
    return sum + (entry.isDirectory() ? bytesOf(path) : statSync(path).size);
  }, 0);
}

/** Outside packages that are installed with one of ours, itself and its siblings left out. Peers are the application's own. */
export function dependenciesOf(name) {
  const found = new Map();
  const visit = (folder) => {
    const { dependencies = {}, optionalDependencies = {} } = manifestOf(folder);
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const target = folderOf(dependency, folder);
      if (target === undefined || found.has(target)) continue;
      const { version, license, licenses } = manifestOf(target);
      const isOurs = dependency.startsWith("@cloud-messaging/");
      found.set(target, {
        name: dependency,
        version,
        isOurs,
        licence: license ?? licenses?.map(({ type }) => type).join(" OR "),
        bytes: isOurs ? 0 : bytesOf(target),
      });
      visit(target);
    }
  };
  visit(join(ROOT, "packages", name));
  return [...found.values()].filter(({ isOurs }) => !isOurs);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of readdirSync(join(ROOT, "packages")).sort()) {
    const dependencies = dependenciesOf(name);
    const licences = [...new Set(dependencies.map(({ licence }) => String(licence)))].sort();
    const kilobytes = Math.ceil(dependencies.reduce((sum, { bytes }) => sum + bytes, 0) / 1024);
    console.log(`${name}: ${dependencies.length} packages, ${kilobytes} KB, ${licences.join(", ")}`);
  }
}
