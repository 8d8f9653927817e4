// npm run compare: runs every client under every fault of its protocol, measures what each costs, and writes docs/compared.md.
//
//   npm run compare [-- fcm-v1 | gcm-http | ccs | costs | sizes …]
//
// With names it runs these parts, and keeps what the last run found of the others. What a run found is in results.json, and the page is
// made of that and of features.json: `npm run compare -- page` makes it anew and runs nothing.
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../test/packaging/matrix/shell.mjs";
import { page } from "./page.mjs";
import { readResults, writeResults } from "./results.mjs";

const PARTS = ["fcm-v1", "gcm-http", "ccs", "costs", "sizes"];
const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..");
const chosen = process.argv.slice(2);
const unknown = chosen.filter((part) => part !== "page" && !PARTS.includes(part));
if (unknown.length > 0) throw new Error(`no such part: ${unknown}; there are ${[...PARTS, "page"].join(", ")}`);

/** Runs one part, and adds what it has found to the results. */
async function runPart(part, context) {
  const began = performance.now();
  const loads = [loadavg()[0]];
  // these import what has been installed
  const { runFaults } = await import("./fault-run.mjs");
  const { costs, sizes } = await import("./costs.mjs");
  const found =
    part === "costs" ? await costs(context) : part === "sizes" ? await sizes(context) : await runFaults(part, context);
  loads.push(loadavg()[0]);
  const minutes = (performance.now() - began) / 60_000;
  writeResults(part, { minutes, node: process.versions.node, processors: cpus().length, loads, ...found });
  console.log(`${part}: ${minutes.toFixed(1)} minutes`);
}

/** The key of an account that the servers here accept. */
function serviceAccount(folder) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const file = join(folder, "service-account.json");
  const account = {
    type: "service_account",
    project_id: "demo",
    private_key_id: "1",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    client_email: "sender@demo.iam.gserviceaccount.com",
    client_id: "1",
    token_uri: "https://oauth2.googleapis.com/token",
  };
  writeFileSync(file, JSON.stringify(account));
  return file;
}

const parts = chosen.length === 0 ? PARTS : chosen.filter((part) => part !== "page");
if (parts.length > 0) {
  const pnpm = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("+")[0];
  await run("npx", ["--yes", pnpm, "install", "--frozen-lockfile", "--prefer-offline"], { cwd: here });
  const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-compare-"));
  try {
    const context = { folder, account: serviceAccount(folder) };
    for (const part of parts) await runPart(part, context);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
writeFileSync(join(root, "docs/compared.md"), page(readResults()));
