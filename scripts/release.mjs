// npm run release -- --dry-run: versions, changelogs and tarballs of the next release with a bill of materials for each, made in a copy of this
// commit and checked there. With --output FOLDER tarballs and bills (CycloneDX) stay there. Nothing else here and nothing on any registry is changed. Publishing is the work of .github/workflows/release.yml, which has provenance.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { dependenciesOf, LICENCES } from "./dependencies.mjs";
import { sbomOf, sbomProblems } from "./sbom.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const CHANGESETS = "@changesets/cli@2.29.7";
const PUBLINT = "publint@0.3.25";
const ATTW = "@arethetypeswrong/cli@0.18.5";
/** A package's tarball: source, both formats, types, pages. */
const MAX_TARBALL_BYTES = 1_500_000;

const { values } = parseArgs({
  options: { "dry-run": { type: "boolean", default: false }, output: { type: "string" } },
});
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

  const packages = readdirSync(join(copy, "packages"))
    .sort()
    .map((name) => {
      const { version, dependencies = {} } = JSON.parse(
        readFileSync(join(copy, "packages", name, "package.json"), "utf8"),
      );
      return { name, version, dependencies: Object.keys(dependencies), file: `cloud-messaging-${name}-${version}.tgz` };
    });
  const tarballs = Object.fromEntries(
    packages.map(({ name, file }) => [`@cloud-messaging/${name}`, join(folder, file)]),
  );

  let failures = 0;
  for (const { name, version, dependencies, file } of packages) {
    const { size } = statSync(join(folder, file));
    const changelog = readFileSync(join(copy, "packages", name, "CHANGELOG.md"), "utf8");
    const changes = changelog.match(/^- /gm)?.length ?? 0;
    const problems = [];
    if (!changelog.includes(`\n## ${version}\n`)) problems.push(`CHANGELOG.md has no ${version}`);
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
    const sbom = sbomOf(`@cloud-messaging/${name}`, tarballs, dependenciesOf(name));
    const bill = file.replace(/tgz$/, "cdx.json");
    writeFileSync(join(folder, bill), `${JSON.stringify(sbom, null, 2)}\n`);
    for (const problem of sbomProblems(sbom, `@cloud-messaging/${name}`, dependencies, LICENCES))
      problems.push(`${bill}: ${problem}`);
    if (values.output !== undefined) {
      mkdirSync(values.output, { recursive: true });
      for (const each of [file, bill]) copyFileSync(join(folder, each), join(values.output, each));
    }
    failures += problems.length;
    const kilobytes = Math.ceil(size / 1024);
    console.log(
      `@cloud-messaging/${name}@${version}: ${kilobytes} KB, ${changes} changes, ${sbom.components.length} components`,
    );
    for (const problem of problems) console.log(`  ${problem}`);
  }
  console.log(failures === 0 ? "Ready." : `${failures} problems.`);
  process.exitCode = failures === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
