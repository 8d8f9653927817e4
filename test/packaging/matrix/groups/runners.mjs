// Test runners: somebody's own test, with senders, CCS, emulator and drop-in.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testProgram } from "../programs.mjs";
import { run } from "../shell.mjs";

const words = (text, before, after, same) =>
  text
    .replaceAll("before_(", `${before}(`)
    .replaceAll("after_(", `${after}(`)
    .replace(/same_\((.*), (.*)\);/g, same);
const jestTest = (format) => words(testProgram(format), "beforeAll", "afterAll", "expect($1).toBe($2);");
const strictTest = (format, before, after, globals) =>
  words(testProgram(format, { globals }), before, after, "assert.strictEqual($1, $2);");

export async function* runners({ plain, folder }) {
  const path = folder("runners");
  const manifest = (more) => JSON.stringify({ name: "app", private: true, ...more });
  writeFileSync(join(path, "package.json"), manifest());
  const { readdirSync, symlinkSync } = await import("node:fs");
  await run(
    "npm",
    [
      "install",
      "--no-audit",
      "--no-fund",
      "jest@30",
      "ts-jest@29",
      "@swc/core@1",
      "@swc/jest@0.2",
      "typescript@5.9.3",
    ].concat([
      "babel-jest@30",
      "@babel/core@7",
      "@babel/preset-env@7",
      "vitest@4",
      "vite@8",
      "mocha@11",
      "@types/node@20",
      "@types/jest@30",
    ]),
    { cwd: path },
  );
  // the packages as npm laid them out, beside the runners
  const scope = join(path, "node_modules/@cloud-messaging");
  mkdirSync(scope);
  for (const name of readdirSync(join(plain, "node_modules/@cloud-messaging"))) {
    symlinkSync(join(plain, "node_modules/@cloud-messaging", name), join(scope, name));
  }
  const bin = (name) => join(path, "node_modules/.bin", name);
  const project = (name, manifestMore, files) => {
    const at = join(path, name);
    mkdirSync(at);
    writeFileSync(join(at, "package.json"), manifest(manifestMore));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(at, file), text);
    return at;
  };
  const jest = (name, { jest: options = {}, env = {}, ...files }) => ({
    name,
    run: () => {
      const { type, ...rest } = files;
      const at = project(
        name.replaceAll(/\W+/g, "-"),
        { ...(type ? { type } : {}), jest: { testEnvironment: "node", testTimeout: 60_000, ...options } },
        rest,
      );
      return run(bin("jest"), ["--ci", "--forceExit=false", "--rootDir", at], { cwd: at, env });
    },
  });

  yield jest("jest 30, CommonJS", { "back-end.test.js": jestTest("cjs"), jest: { transform: {} } });
  yield jest("jest 30, CommonJS, fake timers", {
    "back-end.test.js": jestTest("cjs"),
    jest: { transform: {}, fakeTimers: { enableGlobally: true } },
  });
  yield jest("jest 30, ES modules", {
    type: "module",
    "back-end.test.js": jestTest("esm"),
    jest: { transform: {} },
    env: { NODE_OPTIONS: "--experimental-vm-modules" },
  });
  yield jest("jest 30 with babel", {
    "back-end.test.js": jestTest("esm"),
    "babel.config.cjs": 'module.exports = { presets: [["@babel/preset-env", { targets: { node: "current" } }]] };',
  });
  yield jest("ts-jest", {
    "back-end.test.ts": `// @ts-nocheck\n${jestTest("esm")}`,
    "tsconfig.json": JSON.stringify({
      compilerOptions: { module: "commonjs", target: "es2022", esModuleInterop: true, skipLibCheck: true },
    }),
    jest: { transform: { "^.+\\.ts$": "ts-jest" } },
  });
  yield jest("@swc/jest", {
    "back-end.test.ts": jestTest("esm"),
    jest: {
      transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
    },
  });
  yield {
    name: "vitest",
    run: () => {
      const at = project(
        "vitest",
        { type: "module" },
        { "back-end.test.js": jestTest("esm"), "vitest.config.js": "export default { test: { globals: true } };" },
      );
      return run(bin("vitest"), ["run", "--root", at], { cwd: at });
    },
  };
  for (const format of ["cjs", "esm"]) {
    const extension = format === "cjs" ? "cjs" : "mjs";
    const assert =
      format === "cjs" ? 'const assert = require("node:assert");\n' : 'import assert from "node:assert";\n';
    yield {
      name: `mocha, ${format}`,
      run: () => {
        const at = project(
          `mocha-${format}`,
          {},
          { [`back-end.test.${extension}`]: strictTest(format, "before", "after", assert) },
        );
        return run(bin("mocha"), ["--timeout", "20000", join(at, `back-end.test.${extension}`)], { cwd: at });
      },
    };
    const nodeTest =
      format === "cjs"
        ? 'const { before, after, describe, it } = require("node:test");\n'
        : 'import { before, after, describe, it } from "node:test";\n';
    yield {
      name: `node:test, ${format}`,
      run: () => {
        const at = project(
          `node-test-${format}`,
          {},
          { [`back-end.test.${extension}`]: strictTest(format, "before", "after", assert + nodeTest) },
        );
        return run(process.execPath, ["--test", join(at, `back-end.test.${extension}`)], { cwd: at });
      },
    };
  }
}
