// npm run release -- --dry-run: versions, changelogs, tarballs and tags of the next release, made in a copy of this commit and checked there.
// Nothing here and nothing on any registry is changed. Publishing is the work of .github/workflows/release.yml, which has provenance.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const CHANGESETS = "@changesets/cli@2.29.7";
const PUBLINT = "publint@0.3.25";
const ATTW = "@arethetypeswrong/cli@0.18.5";
/** A package's tarball: source, both formats, types, pages. */
const MAX_TARBALL_BYTES = 1_500_000;

const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false } } });
if (!values["dry-run"]) {
  console.error("Only `npm run release -- --dry-run` is done here: .github/workflows/release.yml publishes.");
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-release-"));
const copy = join(folder, "copy");
const run = (command, args, cwd = copy) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 26 });
const npx = (name, args, cwd) => run("npx", ["--yes", name, ...args], cwd);
try {
  run("git", ["clone", "--quiet", "--no-hardlinks", ROOT, copy], folder);
  npx(CHANGESETS, ["version"]);
  const { packageManager } = JSON.parse(readFileSync(join(copy, "package.json"), "utf8"));
  run(process.execPath, ["scripts/setup.mjs", "--build"]);
  npx(packageManager.split("+")[0], ["--filter", "./packages/*", "pack", "--pack-destination", folder]);

  let failures = 0;
  for (const name of readdirSync(join(copy, "packages")).sort()) {
    const { version } = JSON.parse(readFileSync(join(copy, "packages", name, "package.json"), "utf8"));
    const file = `cloud-messaging-${name}-${version}.tgz`;
    const { size } = statSync(join(folder, file));
    const changes = readFileSync(join(copy, "packages", name, "CHANGELOG.md"), "utf8").match(/^- /gm)?.length ?? 0;
    const problems = [];
    if (size > MAX_TARBALL_BYTES) problems.push(`larger than ${MAX_TARBALL_BYTES} bytes`);
    for (const [checker, args] of [
      [PUBLINT, ["run", file, "--strict"]],
      [ATTW, [file, "--profile", "node16", "--no-emoji"]],
    ]) {
      try {
        npx(checker, args, folder);
      } catch (error) {
        problems.push(`${checker}: ${error.stdout ?? error.message}`);
      }
    }
    failures += problems.length;
    console.log(`@cloud-messaging/${name}@${version}: ${Math.ceil(size / 1024)} KB, ${changes} changes`);
    for (const problem of problems) console.log(`  ${problem}`);
  }
  console.log(failures === 0 ? "Ready." : `${failures} problems.`);
  process.exitCode = failures === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
