// Node versions, tsx, Deno and Bun: one send over each transport, imported and required.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bothFormatsProgram, sendProgram } from "../programs.mjs";
import { NODE_VERSIONS, nodeProgram } from "../project.mjs";
import { npmInstall, run } from "../shell.mjs";

const expectPrinted = (printed, words) => {
  if (!printed.includes(words)) throw new Error(`printed no "${words}":\n${printed}`);
};

/** Packages below store-lmdb with an install script, which npm 11 lists and does not need to run: their binaries come in packages. */
const WITH_SCRIPTS = ["lmdb", "msgpackr-extract"];

/** Lines of npm with a warning, apart from the list of those install scripts. */
function warningsIn(printed) {
  return printed.split("\n").filter((line) => {
    if (!line.startsWith("npm warn install-scripts")) return /warn/i.test(line);
    const [, name] = /^npm warn install-scripts +(\S+)@\S+ \(/.exec(line) ?? [];
    return name !== undefined && !WITH_SCRIPTS.includes(name);
  });
}

export function runtimes({ plain, folder, env, tarballs, tools }) {
  const prepare = () => {
    writeFileSync(join(plain, "send.mjs"), sendProgram("esm"));
    writeFileSync(join(plain, "send.cjs"), sendProgram("cjs"));
    writeFileSync(join(plain, "send.ts"), `// @ts-nocheck\n${sendProgram("esm")}`);
    writeFileSync(join(plain, "both.mjs"), bothFormatsProgram);
  };
  const runs = async (program, args, words) => expectPrinted(await run(program, args, { cwd: plain, env }), words);
  const tool = (name) => join(tools, "node_modules", name);

  const nodes = NODE_VERSIONS.flatMap((version) => {
    const quick = version !== "22.12.0" && version !== "24.21.0";
    const start = async (file, words = "all sent") => runs(await nodeProgram(version), [file], words);
    return [
      {
        name: `Node ${version}, npm install with engine-strict and without a warning`,
        quick: version === NODE_VERSIONS[0],
        note: "but for npm 11's list of install scripts, where store-lmdb is among them: lmdb's, which has its binaries in packages",
        run: async () => {
          const path = `${dirname(await nodeProgram(version))}:${process.env.PATH}`;
          const printed = await npmInstall(Object.values(tarballs), {
            cwd: folder(`install-${version}`),
            env: { PATH: path },
            flags: ["--engine-strict"],
          });
          if (warningsIn(printed).length > 0) throw new Error(printed);
        },
      },
      { name: `Node ${version}, import`, quick, run: () => start("send.mjs") },
      { name: `Node ${version}, require`, quick, run: () => start("send.cjs") },
      { name: `Node ${version}, both in one process`, quick: false, run: () => start("both.mjs", "same") },
    ];
  });
  const entries = [
    ...nodes,
    {
      name: "tsx",
      needs: ["tsx@4"],
      run: () => runs(process.execPath, [tool("tsx/dist/cli.mjs"), "send.ts"], "all sent"),
    },
    {
      name: "Deno",
      needs: ["@deno/linux-x64-glibc@2"],
      run: () => runs(tool("@deno/linux-x64-glibc/deno"), ["run", "--allow-all", "--no-check", "send.mjs"], "all sent"),
    },
    {
      name: "Bun",
      needs: ["@oven/bun-linux-x64@1"],
      run: () => runs(tool("@oven/bun-linux-x64/bin/bun"), ["send.mjs"], "all sent"),
    },
  ];
  return { entries, prepare };
}
