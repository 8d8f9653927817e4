// TypeScript versions by module setting: a strict program with every library checked.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { typedProgram } from "../programs.mjs";
import { run } from "../shell.mjs";

const VERSIONS = { 5.4: "5.4.5", 5.9: "5.9.3", 6: "6.0.3", 7: "7.0.2" };

/** Module settings, and the files they are tried with: under `nodenext` and `node16` an ES module and a CommonJS one. */
const SETTINGS = {
  nodenext: { options: { module: "nodenext" }, files: ["program.mts", "program.cts"] },
  node16: { options: { module: "node16" }, files: ["program.mts", "program.cts"] },
  bundler: { options: { module: "esnext", moduleResolution: "bundler" }, files: ["program.ts"] },
  commonjs: { options: { module: "commonjs" }, files: ["program.ts"] },
};

export function typescript({ plain, tools }) {
  const entries = Object.entries(VERSIONS).flatMap(([version, exact]) =>
    Object.entries(SETTINGS).map(([setting, { options, files }]) => ({
      name: `TypeScript ${version}, ${setting}`,
      needs: [`typescript-${version}@npm:typescript@${exact}`],
      // the newest compiles in a tenth of the time of the others
      quick: version === "7" || (version === "5.4" && setting === "node16"),
      run: () => {
        // the old resolution of `commonjs` reads no `exports`; from 6 on it is gone
        const old = setting === "commonjs" && version.startsWith("5") ? { moduleResolution: "node10" } : {};
        const project = join(plain, `typescript-${version}-${setting}`);
        mkdirSync(project);
        writeFileSync(join(project, "package.json"), JSON.stringify({ type: "commonjs" }));
        for (const file of files) writeFileSync(join(project, file), typedProgram);
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
        writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
        return run(process.execPath, [join(tools, `node_modules/typescript-${version}/bin/tsc`), "-p", project], {
          cwd: project,
        });
      },
    })),
  );
  return { entries };
}
