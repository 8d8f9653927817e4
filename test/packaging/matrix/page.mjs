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

export function compatibilityPage(results, costs) {
  const parts = [
    "# Compatibility",
    "Written by `npm run test:matrix -- --write`: every package packed, installed from its tarball and run. Each combination sends one message over GCM HTTP, FCM v1 (HTTP/1.1 and HTTP/2), CCS and with the node-gcm drop-in to the emulator, or compiles a program that does. Do not edit.",
  ];
  for (const [group, heading] of Object.entries(HEADINGS)) {
    const rows = results.filter((result) => result.group === group);
    if (rows.length === 0) continue;
    parts.push(`## ${heading}`);
    parts.push(
      table(
        ["Combination", "Works"],
        rows.map(({ name, cannot, note, problem }) => [
          name,
          cannot ??
            (problem === undefined ? ["yes", ...(note ? [note] : [])].join(", ") : "no: see the log of the run"),
        ]),
      ),
    );
  }
  parts.push("## Size and import time");
  parts.push(
    `Packages installed by \`npm install\`, themselves included; bytes on disk; median time of the first \`import\` beyond that of an empty program, Node ${process.versions.node}, ${cpus().length} processors.`,
  );
  parts.push(
    table(
      ["Package", "Packages", "Installed", "Import"],
      costs.map(({ name, packages, bytes, importMs }) => [
        `\`${name}\``,
        packages,
        `${(bytes / 1e6).toFixed(1)} MB`,
        `${Math.round(importMs)} ms`,
      ]),
    ),
  );
  return `${parts.join("\n\n")}\n`;
}
