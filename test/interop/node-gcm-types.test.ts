// A program written for @types/node-gcm compiles with the drop-in in its place, under the settings that programs have.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";

const here = import.meta.dirname;
const root = join(here, "../..");
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A program in a folder of its own; `node-gcm` there is what is given. The complaints of the compiler. */
async function compile(name: string, source: string, types: string, settings: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cloud-messaging-types-"));
  folders.push(folder);
  await mkdir(join(folder, "node_modules/@types"), { recursive: true });
  await symlink(types, join(folder, "node_modules", "node-gcm"));
  await symlink(join(root, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
  await writeFile(join(folder, name), source);
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "commonjs" }));
  const compilerOptions = { noEmit: true, target: "es2023", lib: ["es2023"], types: ["node"], ...settings };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [name] }));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  return promisify(execFile)(process.execPath, [compiler, "-p", folder]).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
}

const theirs = join(here, "node_modules/@types/node-gcm");
const ours = join(root, "packages/node-gcm");
const SETTINGS: [string, object][] = [
  ["strict, nodenext", { strict: true, module: "nodenext" }],
  ["strict with exact optional properties", { strict: true, exactOptionalPropertyTypes: true, module: "nodenext" }],
  ["not strict, CommonJS", { strict: false, module: "commonjs", moduleResolution: "bundler" }],
];

describe("a program for @types/node-gcm", () => {
  it("compiles with those, so that it is one", async () => {
    const source = await readFile(join(here, "programs/node-gcm-types.cts"), "utf8");
    expect(await compile("program.cts", source, theirs, { strict: true, module: "nodenext" })).toBe("");
  });

  it.each(SETTINGS)("compiles with the drop-in: %s", async (_name, settings) => {
    const source = await readFile(join(here, "programs/node-gcm-types.cts"), "utf8");
    expect(await compile("program.cts", source, ours, settings)).toBe("");
  });

  it.each([
    ["import * as gcm", 'import * as gcm from "node-gcm";'],
    ["import gcm", 'import gcm from "node-gcm";'],
  ])("compiles as an ES module too: %s", async (_form, line) => {
    const source = (await readFile(join(here, "programs/node-gcm-types.cts"), "utf8")).replace(
      /^import gcm = .*$/m,
      line,
    );
    expect(source).toContain(line);
    expect(await compile("program.mts", source, ours, { strict: true, module: "nodenext" })).toBe("");
  });

  it("does not compile when it is wrong: the types are there", async () => {
    const wrong =
      'import gcm = require("node-gcm");\nconst sender: gcm.Sender = new gcm.Sender(5);\nsender.nothing();\n';
    const said = await compile("program.cts", wrong, ours, { strict: true, module: "nodenext" });
    expect(said.match(/error TS/g)).toHaveLength(2);
  });
});
