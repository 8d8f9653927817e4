// Bundles each package's entry points, as an ES module and for require(), from its sources; `tsc -b` has checked them and written the
// declarations. Bundles only what has changed since the last time.
//
//   node scripts/bundle.mjs
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { writePages } from "./pages.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCE = "@cloud-messaging/source";

/**
 * Dependencies that are bundled, in both formats: those that exist as ES modules only, which jest in CommonJS could not load, and those of
 * many small files, of which loading costs more than running (docs/performance.md). They stay dependencies: declarations name zod's types,
 * and who audits an installation sees what is in it.
 */
const BUNDLED = [
  "p-retry",
  "is-network-error",
  "jose",
  "@xmpp/client",
  "zod",
  "saxes",
  "@peculiar/x509",
  "reflect-metadata",
];

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Changes whenever a source, a manifest or this script does. */
function fingerprint(folder) {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(readFileSync(join(folder, "package.json")));
  for (const file of filesBelow(join(folder, "src")).sort()) {
    const { mtimeMs, size } = statSync(file);
    hash.update(`${relative(folder, file)} ${mtimeMs} ${size}\n`);
  }
  return hash.digest("hex");
}

/** The files that are loaded by themselves: each entry of `exports`, and, as ES modules only, what the commands in `bin` start. */
function entriesOf(folder, manifest, format) {
  const entries = {};
  for (const target of Object.values(manifest.exports)) {
    const source = target[SOURCE];
    if (source !== undefined) entries[source.replace(/^\.\/src\/|\.ts$/g, "")] = join(folder, source);
  }
  if (format === "cjs") return entries;
  for (const command of Object.values(manifest.bin ?? {})) {
    const [, name] = /dist\/([\w-]+)\.js/.exec(readFileSync(join(folder, command), "utf8")) ?? [];
    if (name !== undefined) entries[name] = join(folder, `src/${name}.ts`);
  }
  return entries;
}

const packageOf = (specifier) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Dependencies stay outside, but for those that are bundled; what these need themselves goes in with them. */
function isExternal(specifier, importer) {
  if (specifier.startsWith(".") || specifier.startsWith("/") || specifier.startsWith("\0")) return false;
  if (specifier.startsWith("node:")) return true;
  return !importer?.includes("node_modules") && !BUNDLED.includes(packageOf(specifier));
}

async function bundle({ rolldown, esmExternalRequirePlugin }, folder, manifest) {
  const dist = join(folder, "dist");
  mkdirSync(dist, { recursive: true });
  for (const name of readdirSync(dist)) {
    if (/\.c?js(\.map)?$/.test(name)) rmSync(join(dist, name));
  }
  const included = new Map();
  for (const format of ["es", "cjs"]) {
    const extension = format === "es" ? "js" : "cjs";
    const build = await rolldown({
      input: entriesOf(folder, manifest, format),
      cwd: folder,
      platform: "node",
      external: isExternal,
      // a `require("events")` in what is bundled: as an import, since bundlers of the application cannot follow `createRequire`
      plugins: format === "es" ? [esmExternalRequirePlugin({ external: builtinModules })] : [],
    });
    const { output } = await build.write({
      dir: dist,
      format,
      exports: "named",
      sourcemap: true,
      // parsed at every start; the sources, with their comments, are in the package and are what the source map shows
      comments: { legal: true, annotation: true, jsdoc: false },
      // the name under which Node's require() of an ES module takes the whole module; a drop-in's `require()` gives what it always gave
      footer: (chunk) =>
        format === "cjs" && chunk.exports.includes("module.exports")
          ? 'module.exports = exports["module.exports"];'
          : "",
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `shared-[hash].${extension}`,
    });
    await build.close();
    note(included, output);
  }
  const page = join(folder, "src/inbox/web");
  if (existsSync(page)) note(included, await bundlePage(rolldown, page, join(dist, "inbox")));
  writeLicenses(dist, included);
}

/** The page in the browser: its program, the worker that its tabs share, and the files beside them. */
async function bundlePage(rolldown, from, to) {
  rmSync(to, { recursive: true, force: true });
  const build = await rolldown({
    input: { main: join(from, "main.tsx"), worker: join(from, "worker.ts") },
    cwd: from,
    platform: "browser",
  });
  const { output } = await build.write({ dir: to, format: "es", chunkFileNames: "shared.js", sourcemap: true });
  await build.close();
  for (const name of readdirSync(from)) {
    if (/\.(html|css|svg)$/.test(name)) copyFileSync(join(from, name), join(to, name));
  }
  return output;
}

/** Remembers which packages a bundle holds. */
function note(included, output) {
  for (const { modules } of output) {
    for (const id of Object.keys(modules ?? {})) {
      const [, path] = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id) ?? [];
      if (path !== undefined) included.set(path, JSON.parse(readFileSync(join(path, "package.json"), "utf8")));
    }
  }
}

/** Names what is bundled, with each licence in its own words. */
function writeLicenses(dist, included) {
  const file = join(dist, "THIRD-PARTY-LICENSES.txt");
  if (included.size === 0) return rmSync(file, { force: true });
  const parts = [...included]
    .sort(([, a], [, b]) => (a.name < b.name ? -1 : 1))
    .map(([path, { name, version, license, licenses }]) => {
      const text = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
      const words = text === undefined ? "" : `\n\n${readFileSync(join(path, text), "utf8").trim()}`;
      return `${name} ${version} (${license ?? licenses?.map(({ type }) => type).join(", ") ?? "no licence declared"})${words}\n`;
    });
  writeFileSync(file, `Bundled here:\n\n${parts.join("\n---\n\n")}`);
}

/**
 * Declarations name each other as the files beside them do: `.js` for an ES module, `.cjs` in the copy for require(). The export
 * "module.exports" is left out: its name is a syntax error to TypeScript before 5.6.
 */
function writeDeclarations(folder) {
  const types = join(folder, "dist/types");
  if (!existsSync(types)) return;
  const naming = (text, extension) =>
    text
      .replace(/((?:from |import\()"\.[^"]*\.)(?:ts|js)"/g, `$1${extension}"`)
      .replace(/, \w+ as "module\.exports"(?= \})/g, "");
  for (const file of filesBelow(types)) {
    if (!file.endsWith(".d.ts")) continue;
    const { atime, mtime } = statSync(file);
    const text = readFileSync(file, "utf8");
    const copy = file.replace(/\.d\.ts$/, ".d.cts");
    const map = `${file}.map`;
    writeFileSync(copy, naming(text, "cjs").replace(/(sourceMappingURL=.*)\.d\.ts\.map/, "$1.d.cts.map"));
    if (existsSync(map)) writeFileSync(`${copy}.map`, readFileSync(map, "utf8").replace(/\.d\.ts"/, '.d.cts"'));
    writeFileSync(file, naming(text, "js"));
    utimesSync(file, atime, mtime); // tsc -b goes by it
  }
}

const stale = [];
for (const name of readdirSync(join(ROOT, "packages"))) {
  const folder = join(ROOT, "packages", name);
  const manifestFile = join(folder, "package.json");
  if (!existsSync(manifestFile)) continue;
  writePages(folder); // each time: pages change where no source does
  const stamp = join(folder, "dist/.bundled");
  const wanted = fingerprint(folder);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) continue;
  stale.push({ folder, manifest: JSON.parse(readFileSync(manifestFile, "utf8")), stamp, wanted });
}
if (stale.length > 0) {
  const load = (name) => import(pathToFileURL(join(ROOT, "node_modules/rolldown/dist", name)).href);
  const tools = { ...(await load("index.mjs")), ...(await load("plugins-index.mjs")) };
  for (const { folder, manifest, stamp, wanted } of stale) {
    await bundle(tools, folder, manifest);
    writeDeclarations(folder);
    writeFileSync(stamp, wanted);
  }
}
