// docs/compatibility.md, as the run found it.
import { cpus } from "node:os";

const HEADINGS = {
  runtimes: "Runtimes",
  typescript: "TypeScript, strict, with `skipLibCheck: false`",
  bundlers: "Bundlers, everything bundled",
  managers: "Package managers",
  runners: "Test runners",
  frameworks: "Frameworks",
  checkers: "Package checkers",
};

const table = (head, rows) =>
  [
    `| ${head.join(" | ")} |`,
    `|${head.map(() => "---|").join("")}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");

const COSTS = "Size and import time";
const HEAD = `# Compatibility

Written by \`npm run test:matrix -- --write\`: every package packed, installed from its tarball and run. Each combination sends one message over GCM HTTP, FCM v1 (HTTP/1.1 and HTTP/2), CCS and with the node-gcm drop-in to the emulator, or compiles a program that does. Do not edit.`;

function works({ cannot, note, problem }) {
  if (cannot !== undefined) return `no: ${cannot}`;
  if (problem !== undefined) return "no: see the log of the run";
  return note === undefined ? "yes" : `yes, ${note}`;
}

/** The table of each package's size, number of packages and import time. */
function costsSection(costs) {
  const rows = costs.map(({ name, packages, bytes, importMs }) => [
    `\`${name}\``,
    packages,
    `${(bytes / 1e6).toFixed(1)} MB`,
    `${Math.round(importMs)} ms`,
  ]);
  return `Packages installed by \`npm install\`, themselves included; bytes on disk; time of the first \`import\`, without the start of Node itself, the quickest of several runs; Node ${process.versions.node}, ${cpus().length} processors.\n\n${table(["Package", "Packages", "Installed", "Import"], rows)}`;
}

/** The page with what this run has found; the parts that it has not tried are those of the page before. */
export function compatibilityPage(results, costs, before) {
  const sections = new Map(
    before
      .split(/^## /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n")).trim()]),
  );
  for (const [group, heading] of Object.entries(HEADINGS)) {
    const rows = results.filter((result) => result.group === group).map((result) => [result.name, works(result)]);
    if (rows.length > 0) sections.set(heading, table(["Combination", "Works"], rows));
  }
  if (costs !== undefined) sections.set(COSTS, costsSection(costs));
  const parts = [...Object.values(HEADINGS), COSTS].filter((heading) => sections.has(heading));
  return `${[HEAD, ...parts.map((heading) => `## ${heading}\n\n${sections.get(heading)}`)].join("\n\n")}\n`;
}
