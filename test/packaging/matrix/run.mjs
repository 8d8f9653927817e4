// Packs every package, installs the tarballs as users do, and runs them in every combination that is supported.
//
//   npm run test:matrix [-- group …] [-- --write]
//
// --write puts the table into docs/compatibility.md. Ends with a line "N passed, N failed".
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { costs } from "./costs.mjs";
import { bundlers } from "./groups/bundlers.mjs";
import { checkers } from "./groups/checkers.mjs";
import { managers } from "./groups/managers.mjs";
import { runners } from "./groups/runners.mjs";
import { runtimes } from "./groups/runtimes.mjs";
import { typescript } from "./groups/typescript.mjs";
import { compatibilityPage } from "./page.mjs";
import { emulatorProgram } from "./programs.mjs";
import { pnpmVersion, ROOT } from "./project.mjs";
import { run, startService } from "./shell.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: "boolean" } } });
const began = performance.now();
const work = mkdtempSync(join(tmpdir(), "cloud-messaging-matrix-"));
const folder = (name) => {
  const path = join(work, name);
  mkdirSync(path, { recursive: true });
  return path;
};

const results = [];
try {
  const packed = folder("packed");
  await run(
    "npm",
    ["exec", "--yes", "--", pnpmVersion, "--filter", "./packages/*", "pack", "--pack-destination", packed],
    {
      cwd: ROOT,
    },
  );
  const tarballs = Object.fromEntries(
    readdirSync(packed)
      .filter((file) => file.endsWith(".tgz"))
      .map((file) => [
        `@cloud-messaging/${/^cloud-messaging-(.*)-\d+\.\d+\.\d+\.tgz$/.exec(file)[1]}`,
        join(packed, file),
      ]),
  );

  // the one installation that most combinations share
  const plain = folder("plain");
  writeFileSync(join(plain, "package.json"), JSON.stringify({ name: "plain", private: true, type: "module" }));
  const said = await run("npm", ["install", "--no-audit", "--no-fund", ...Object.values(tarballs)], {
    cwd: plain,
  });
  writeFileSync(join(plain, "emulator.mjs"), emulatorProgram);
  const emulator = await startService(process.execPath, [join(plain, "emulator.mjs")], { cwd: plain });
  const context = {
    plain,
    folder,
    tarballs,
    installed: said,
    env: { EMULATOR: emulator.first, CI: "true", NO_COLOR: "1" },
  };

  for (const [group, checks] of Object.entries({ runtimes, typescript, bundlers, managers, runners, checkers })) {
    if (positionals.length > 0 && !positionals.includes(group)) continue;
    for await (const { name, run: check, cannot } of checks(context)) {
      const started = performance.now();
      let problem;
      try {
        if (cannot === undefined) await check();
      } catch (error) {
        problem = error.message;
      }
      results.push({ group, name, cannot, problem });
      const mark = cannot !== undefined ? `no: ${cannot}` : problem === undefined ? "ok" : `FAILED\n${problem}`;
      console.log(`${group}: ${name}: ${mark} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    }
  }
  await emulator.stop();
  if (values.write) {
    writeFileSync(join(ROOT, "docs/compatibility.md"), compatibilityPage(results, await costs(context)));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

const failed = results.filter(({ problem }) => problem !== undefined).length;
const passed = results.filter(({ problem, cannot }) => problem === undefined && cannot === undefined).length;
console.log(`took ${Math.round((performance.now() - began) / 1000)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
