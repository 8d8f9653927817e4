// Installs what is missing with the pinned pnpm and (with --build) builds. Needs only Node >= 20.19 and npm.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// said here in words, before anything newer than that fails in its own
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`This needs Node 20.19 or later, and is run by Node ${process.versions.node}.`);
  process.exit(1);
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (f) => readFileSync(join(root, f));
const pkg = JSON.parse(read("package.json"));
/** Folders whose packages are installed only when asked for: the peers that bench/ compares us with, and frameworks. */
const ON_DEMAND = { bench: ["bench"], frameworks: ["examples/express", "examples/nestjs"] };
const wanted = Object.keys(ON_DEMAND).filter((name) => process.argv.includes(`--${name}`));
const leftOut = Object.entries(ON_DEMAND).flatMap(([name, folders]) => (wanted.includes(name) ? [] : folders));
const pnpm = pkg.packageManager.split("+")[0]; // "pnpm@10.34.9"

const hash = createHash("sha256").update(`${process.platform} ${process.arch} ${pnpm}`);
for (const f of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"]) hash.update(read(f));
const below = (d) => readdirSync(join(root, d)).map((name) => `${d}/${name}`);
const folders = ["test", "bench", "examples", ...below("examples"), ...below("packages")];
for (const d of folders.filter((d) => !leftOut.includes(d)).sort()) {
  const f = join(d, "package.json");
  if (existsSync(join(root, f))) hash.update(read(f));
}
const stamp = join(root, "node_modules", [".setup-stamp", ...wanted].join("-"));
const want = hash.digest("hex");

function run(cmd, args) {
  const r = spawnSync(cmd, args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32" && !cmd.includes("node"),
  });
  if (r.error) throw r.error;
  if (r.status !== 0) process.exit(r.status ?? 1);
}

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== want) {
  const args = ["install", "--frozen-lockfile", "--prefer-offline", "--reporter=append-only"];
  args.push(...leftOut.map((d) => `--filter=!./${d}`));
  const cli = process.env.npm_execpath ?? "";
  if (/pnpm[^/\\]*\.[cm]?js$/.test(cli)) run(process.execPath, [cli, ...args]);
  else if (/pnpm(\.exe)?$/.test(cli))
    run(cli, args); // pnpm 12 is a native program
  else if (/npm-cli\.js$/.test(cli)) run(process.execPath, [cli, "exec", "--yes", "--", pnpm, ...args]);
  else run("npx", ["--yes", pnpm, ...args]);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, want);
}
if (process.argv.includes("--build")) {
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
  run(process.execPath, [join(root, "scripts/bundle.mjs")]);
}
