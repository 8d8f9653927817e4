// TypeScript versions by module setting: a strict program with every library checked.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { typedProgram } from "../programs.mjs";
import { run } from "../shell.mjs";

const VERSIONS = { 5.4: "5.4.5", 5.9: "5.9.3", 6: "6.0.3", 7: "7.0.2" };

/** Module settings, and the file they are tried with. */
const SETTINGS = {
  "nodenext, ES module": { options: { module: "nodenext" }, file: "program.mts" },
  "nodenext, CommonJS": { options: { module: "nodenext" }, file: "program.cts" },
  "node16, ES module": { options: { module: "node16" }, file: "program.mts" },
  "node16, CommonJS": { options: { module: "node16" }, file: "program.cts" },
  bundler: { options: { module: "esnext", moduleResolution: "bundler" }, file: "program.ts" },
  commonjs: { options: { module: "commonjs" }, file: "program.ts" },
};

export async function* typescript({ plain, folder }) {
  const tools = folder("typescript-tools");
  writeFileSync(join(tools, "package.json"), "{}");
  const aliases = Object.entries(VERSIONS).map(([name, version]) => `typescript-${name}@npm:typescript@${version}`);
  await run("npm", ["install", "--no-audit", "--no-fund", ...aliases], { cwd: tools });
  await run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "@types/node@20"], { cwd: plain });

  for (const version of Object.keys(VERSIONS)) {
    for (const [setting, { options, file }] of Object.entries(SETTINGS)) {
      const name = `TypeScript ${version}, ${setting}`;
      // the old resolution of `commonjs` reads no `exports`; from 6 on it is gone
      const old = setting === "commonjs" && version.startsWith("5") ? { moduleResolution: "node10" } : {};
      const project = join(plain, name.replaceAll(/\W+/g, "-"));
      mkdirSync(project);
      writeFileSync(join(project, "package.json"), JSON.stringify({ type: "commonjs" }));
      writeFileSync(join(project, file), typedProgram);
      const compilerOptions = {
        ...options,
        ...old,
        target: "es2022",
        lib: ["es2023", "esnext.disposable"],
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        ...(setting === "commonjs" ? { esModuleInterop: true } : {}),
      };
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
      yield {
        name,
        run: () =>
          run(process.execPath, [join(tools, `node_modules/typescript-${version}/bin/tsc`), "-p", project], {
            cwd: project,
          }),
      };
    }
  }
}
