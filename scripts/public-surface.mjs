// Writes each package's public surface, with what is said of every name, to its api.md: a change to it is read in review like any other.
//
//   npm run api
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const PACKAGES = fileURLToPath(new URL("../packages/", import.meta.url));

/** Folders of all packages. */
export const packageFolders = () => readdirSync(PACKAGES).map((name) => join(PACKAGES, name));

/**
 * Exports of a package: a list of entry points, each with its names in alphabetical order.
 *
 * @returns {{entry: string, names: {name: string, doc: string, text: string}[]}[]}
 */
export function publicSurface(folder) {
  const { exports: entries } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return Object.entries(entries)
    .filter(([, target]) => target.import !== undefined)
    .map(([entry, target]) => ({ entry, names: exportsOf(join(folder, target.import.types)) }));
}

/** Text of api.md. */
export function surfaceAsMarkdown(folder) {
  const { name: packageName } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const parts = [`# ${packageName}: public surface`, "Written by `npm run api` from what `tsc` emits. Do not edit."];
  for (const { entry, names } of publicSurface(folder)) {
    parts.push(`## \`${join(packageName, entry)}\``);
    if (names.length === 0) parts.push("Exports nothing: it is imported for what it does.");
    for (const { name, doc, text } of names) parts.push(`### ${name}`, `\`\`\`ts\n${doc}${text}\n\`\`\``);
  }
  return `${parts.join("\n\n")}\n`;
}

/** The names that a declaration file exports, those of other files included. */
function exportsOf(file) {
  const found = [];
  for (const statement of statementsOf(readFileSync(file, "utf8"))) {
    const from = /^export (?:type )?\{([\s\S]*)\} from "(\.[^"]+)";$/.exec(statement.text);
    if (from === null) {
      const name = nameOf(statement.text);
      if (name !== undefined) found.push({ name, ...statement });
      continue;
    }
    const wanted = from[1].split(",").map((word) => word.trim().replace(/^type /, ""));
    const there = exportsOf(join(dirname(file), from[2].replace(/\.[tj]s$/, ".d.ts")));
    found.push(...there.filter(({ name }) => wanted.includes(name)));
  }
  // the overloads of a function stay in their order
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function nameOf(text) {
  return /^export (?:default )?(?:declare )?(?:abstract )?(?:const|function|class|interface|type|enum) (\w+)/.exec(
    text,
  )?.[1];
}

/** The statements at the top of a declaration file, each with the comment above it. `tsc` starts each on a line of its own. */
function statementsOf(source) {
  const statements = [];
  let doc = "";
  let text = "";
  let depth = 0;
  let inDoc = false;
  for (const line of source.split("\n")) {
    if (text === "" && (inDoc || line.startsWith("/**"))) {
      doc = inDoc ? `${doc}${line}\n` : `${line}\n`;
      inDoc = !line.trimEnd().endsWith("*/");
      continue;
    }
    if (text === "" && (line.trim() === "" || line.startsWith("//"))) continue;
    text += text === "" ? line : `\n${line}`;
    const bare = line.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\/\*.*?\*\/|\/\/.*|^\s*\*.*/g, "");
    for (const character of bare) {
      if ("{([".includes(character)) depth++;
      else if ("})]".includes(character)) depth--;
    }
    if (depth > 0 || !/[;}]$/.test(line.trimEnd())) continue;
    statements.push({ doc, text: shortened(text) });
    doc = "";
    text = "";
  }
  return statements;
}

/** A schema's type repeats what the type beside it says, field by field. */
function shortened(text) {
  const schema = /^export declare const \w+: z\.\w+</.exec(text);
  return schema === null ? text : `${schema[0]}…>;`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const folder of packageFolders()) writeFileSync(join(folder, "api.md"), surfaceAsMarkdown(folder));
}
