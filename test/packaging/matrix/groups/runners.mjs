// Test runners: somebody's own test, with senders, CCS, emulator and drop-in; the cases of a registration store of somebody's own.
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownStoreFiles } from "../own-store.mjs";
import { testProgram } from "../programs.mjs";
import { run } from "../shell.mjs";

const words = (text, before, after, same) =>
  text
    .replaceAll("before_(", `${before}(`)
    .replaceAll("after_(", `${after}(`)
    .replace(/same_\((.*), (.*)\);/g, same);
const jestTest = (format) => words(testProgram(format), "beforeAll", "afterAll", "expect($1).toBe($2);");
const strictTest = (format, globals) =>
  words(testProgram(format, { globals }), "before", "after", "assert.strictEqual($1, $2);");

export function runners({ plain, tools }) {
  // the packages as npm laid them out, beside the runners
  const prepare = () => {
    const scope = join(tools, "node_modules/@cloud-messaging");
    mkdirSync(scope);
    for (const name of readdirSync(join(plain, "node_modules/@cloud-messaging"))) {
      symlinkSync(join(plain, "node_modules/@cloud-messaging", name), join(scope, name));
    }
  };
  const bin = (name) => join(tools, "node_modules/.bin", name);
  const project = (name, manifest, files) => {
    const at = join(tools, name.replaceAll(/\W+/g, "-"));
    mkdirSync(at);
    writeFileSync(join(at, "package.json"), JSON.stringify({ name: "app", private: true, ...manifest }));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(at, file), text);
    return at;
  };
  const jest = (name, { files, options = {}, type = "commonjs", env = {}, needs = [], quick = false }) => ({
    name,
    needs: ["jest@30", ...needs],
    quick,
    run: () => {
      const at = project(name, { type, jest: { testEnvironment: "node", testTimeout: 60_000, ...options } }, files);
      return run(bin("jest"), ["--ci", "--rootDir", at], { cwd: at, env });
    },
  });
  const tsConfig = { module: "commonjs", target: "es2022", esModuleInterop: true, skipLibCheck: true };
  const swcOptions = { jsc: { parser: { syntax: "typescript" }, target: "es2022" } };

  const entries = [
    jest("jest 30, CommonJS", {
      files: { "back-end.test.js": jestTest("cjs"), ...ownStoreFiles("cjs") },
      options: { transform: {} },
      quick: true,
    }),
    jest("jest 30, CommonJS, fake timers", {
      files: { "back-end.test.js": jestTest("cjs") },
      options: { transform: {}, fakeTimers: { enableGlobally: true } },
      quick: true,
    }),
    jest("jest 30, ES modules", {
      files: { "back-end.test.js": jestTest("esm"), ...ownStoreFiles("esm") },
      options: { transform: {} },
      type: "module",
      env: { NODE_OPTIONS: "--experimental-vm-modules" },
      quick: true,
    }),
    jest("jest 30 with babel", {
      needs: ["babel-jest@30", "@babel/core@7", "@babel/preset-env@7"],
      files: {
        "back-end.test.js": jestTest("esm"),
        "babel.config.cjs": 'module.exports = { presets: [["@babel/preset-env", { targets: { node: "current" } }]] };',
      },
    }),
    jest("ts-jest", {
      needs: ["ts-jest@29", "typescript@5.9.3", "@types/node@20", "@types/jest@30"],
      files: {
        "back-end.test.ts": `// @ts-nocheck\n${jestTest("esm")}`,
        "tsconfig.json": JSON.stringify({ compilerOptions: tsConfig }),
      },
      options: { transform: { "^.+\\.ts$": "ts-jest" } },
    }),
    jest("@swc/jest", {
      needs: ["@swc/core@1", "@swc/jest@0.2"],
      files: { "back-end.test.ts": jestTest("esm") },
      options: { transform: { "^.+\\.ts$": ["@swc/jest", swcOptions] } },
    }),
    {
      name: "vitest",
      needs: ["vitest@4", "vite@8"],
      run: () => {
        const config = "export default { test: { globals: true, testTimeout: 60_000 } };";
        const own = ownStoreFiles("esm", { runner: "vitest" });
        const files = { "back-end.test.js": jestTest("esm"), "vitest.config.js": config, ...own };
        const at = project("vitest", { type: "module" }, files);
        return run(bin("vitest"), ["run", "--root", at], { cwd: at });
      },
    },
    ...["cjs", "esm"].flatMap((format) => {
      const extension = format === "cjs" ? "cjs" : "mjs";
      const file = `back-end.test.${extension}`;
      const load = (names, from) =>
        format === "cjs" ? `const ${names} = require("${from}");\n` : `import ${names} from "${from}";\n`;
      const assert = load("assert", "node:assert");
      return [
        {
          name: `mocha, ${format}`,
          needs: ["mocha@11"],
          run: () => {
            const at = project(`mocha-${format}`, {}, { [file]: strictTest(format, assert) });
            return run(bin("mocha"), ["--timeout", "20000", join(at, file)], { cwd: at });
          },
        },
        {
          name: `node:test, ${format}`,
          quick: true,
          run: () => {
            const words = load("{ before, after, describe, it }", "node:test");
            const own = ownStoreFiles(format, { runner: "node:test", extension });
            const files = { [file]: strictTest(format, assert + words), ...own };
            const at = project(`node-test-${format}`, {}, files);
            const tests = Object.keys(files).filter((name) => name.includes(".test."));
            return run(process.execPath, ["--test", ...tests], { cwd: at });
          },
        },
      ];
    }),
  ];
  return { entries, prepare };
}
