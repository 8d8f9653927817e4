// npm run docs: installs what the site needs, gathers its pages, and builds it into site/dist. npm run docs:dev serves it while it is
// written, npm run test:site builds it and tests it in a browser.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pageText, ROOT, sitePaths } from "./pages.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const gathered = join(here, ".pages");

/** Writes the pages and images below `.pages`, where vitepress reads them. */
function gather() {
  const paths = sitePaths();
  for (const [source, page] of paths) {
    const file = join(gathered, page);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, pageText(source, paths));
  }
  cpSync(join(ROOT, "docs/images"), join(gathered, "images"), { recursive: true });
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: here,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const pnpm = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).packageManager.split("+")[0];
run("npx", ["--yes", pnpm, "install", "--frozen-lockfile", "--prefer-offline", "--reporter=append-only"]);
rmSync(gathered, { recursive: true, force: true });
gather();
const vitepress = join(here, "node_modules/vitepress/bin/vitepress.js");
if (process.argv[2] === "dev") {
  const watchers = ["docs", "packages"].map((folder) =>
    watch(join(ROOT, folder), { recursive: true }, (_, file) => {
      if (file?.endsWith(".md")) gather();
    }),
  );
  const server = spawn(process.execPath, [vitepress, "dev", here], { stdio: "inherit" });
  server.once("close", (status) => {
    for (const watcher of watchers) watcher.close();
    process.exitCode = status ?? 1;
  });
} else run(process.execPath, [vitepress, "build", here]);
if (process.argv[2] === "test")
  run(process.execPath, [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--root", join(ROOT, "test/site")]);
