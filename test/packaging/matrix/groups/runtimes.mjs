// Node versions, tsx, Deno and Bun: one send over each transport, imported and required.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bothFormatsProgram, sendProgram } from "../programs.mjs";
import { NODE_VERSIONS, nodeProgram } from "../project.mjs";
import { run } from "../shell.mjs";

const expectPrinted = (printed, words) => {
  if (!printed.includes(words)) throw new Error(`printed no "${words}":\n${printed}`);
};

export async function* runtimes({ plain, folder, env, installed, tarballs }) {
  writeFileSync(join(plain, "send.mjs"), sendProgram("esm"));
  writeFileSync(join(plain, "send.cjs"), sendProgram("cjs"));
  writeFileSync(join(plain, "both.mjs"), bothFormatsProgram);
  const send = async (program, args) => expectPrinted(await run(program, args, { cwd: plain, env }), "all sent");

  yield {
    name: "npm install says nothing",
    run: async () => {
      if (/warn/i.test(installed)) throw new Error(installed);
    },
  };
  yield {
    name: "npm install with engine-strict",
    run: async () => {
      const path = folder("engine-strict");
      writeFileSync(join(path, "package.json"), "{}");
      await run("npm", ["install", "--engine-strict", "--no-audit", "--no-fund", ...Object.values(tarballs)], {
        cwd: path,
      });
    },
  };
  for (const version of NODE_VERSIONS) {
    const node = await nodeProgram(version);
    yield { name: `Node ${version}, import`, run: () => send(node, ["send.mjs"]) };
    yield { name: `Node ${version}, require`, run: () => send(node, ["send.cjs"]) };
    yield {
      name: `Node ${version}, both in one process`,
      run: async () => expectPrinted(await run(node, ["both.mjs"], { cwd: plain, env }), "same"),
    };
  }

  const tools = folder("runtime-tools");
  writeFileSync(join(tools, "package.json"), "{}");
  await run(
    "npm",
    ["install", "--no-audit", "--no-fund", "tsx@4", "@deno/linux-x64-glibc@2", "@oven/bun-linux-x64@1"],
    { cwd: tools },
  );
  writeFileSync(join(plain, "send.ts"), `// @ts-nocheck\n${sendProgram("esm")}`);
  yield { name: "tsx", run: () => send(process.execPath, [join(tools, "node_modules/tsx/dist/cli.mjs"), "send.ts"]) };
  const deno = join(tools, "node_modules/@deno/linux-x64-glibc/deno");
  yield { name: "Deno", run: () => send(deno, ["run", "--allow-all", "--no-check", "send.mjs"]) };
  const bun = join(tools, "node_modules/@oven/bun-linux-x64/bin/bun");
  yield { name: "Bun", run: () => send(bun, ["send.mjs"]) };
}
