// Traces of docs/observability-traces.md: runs the program and gives what the console exporter prints, with IDs and times replaced. With
// --write, writes them into the page.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const PAGE = join(ROOT, "docs/observability-traces.md");

/** Replaces what differs at every run, the same value by the same name. */
function stable(printed) {
  const names = new Map();
  const nameOf = (kind) => (_, before, value, after) => {
    const known = [...names.keys()].filter((key) => key.startsWith(kind)).length;
    const key = `${kind} ${value}`;
    if (!names.has(key)) names.set(key, `${kind} ${known + 1}`);
    return `${before}<${names.get(key)}>${after}`;
  };
  return printed
    .replace(/(traceId: ')([0-9a-f]{32})(')/g, nameOf("trace"))
    .replace(/((?:spanId|id): ')([0-9a-f]{16})(')/g, nameOf("span"))
    .replace(/('cloud_messaging\.send\.id': ')([^']+)(')/g, nameOf("send"))
    .replace(/((?:timestamp|duration|delay_ms'): )[\d.]+/g, "$1<time>")
    .replace(/(recipient': ')[^']+/g, "$1<shortened token>")
    .replace(/ {4}attributes: \{\n(?: {6}'?(?:service|telemetry).*\n)+ {4}\}/g, "    attributes: { … }")
    .trim();
}

/** The page with its traces as the program prints them now. */
export function pageWithTraces(page = readFileSync(PAGE, "utf8")) {
  return page.replace(/(<!-- (send|outbox) -->\n```text\n)[\s\S]*?(```)/g, (_, before, what, after) => {
    const args = ["--import", "@cloud-messaging/opentelemetry/register", "trace.mjs", what];
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", NODE_OPTIONS: "" };
    const options = { cwd: join(ROOT, "test/opentelemetry/v2"), encoding: "utf8", env, timeout: 60_000 };
    const printed = stable(execFileSync(process.execPath, args, options));
    return `${before}${printed}\n${after}`;
  });
}

if (process.argv.includes("--write")) writeFileSync(PAGE, pageWithTraces());
