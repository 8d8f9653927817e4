import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { start } from "./foreign-program.ts";

it.each([
  ["with its default fake timers", "fake-timers.jest.mjs", 7, {}],
  [
    "with fake timers enabled globally, before anything is loaded",
    "fake-timers-globally.jest.mjs",
    1,
    { enableGlobally: true },
  ],
])(
  "jest 30, %s: every transport sends, an upstream message is acked, everything closes",
  async (_, file, tests, fakeTimers) => {
    const here = import.meta.dirname;
    const program = start(process.execPath, [
      "--experimental-vm-modules",
      join(here, "node_modules/jest/bin/jest.js"),
      "--config",
      JSON.stringify({
        rootDir: join(here, "programs"),
        testMatch: [`<rootDir>/${file}`],
        fakeTimers,
        moduleFileExtensions: ["mjs", "js", "cjs", "json"],
        transform: {},
        testTimeout: 30_000, // jest's own limit of five seconds is short for a busy machine
      }),
    ]);
    const { status, err } = await program.ended;
    expect(err).toMatch(new RegExp(`Tests: +${tests} passed, ${tests} total`));
    expect(status).toBe(0);
  },
  180_000,
);

// jest's own limit of five seconds is short for a busy machine
const LIMIT = "--testTimeout=60000";

it.each([
  ["CommonJS", "welcome.test.js", []],
  ["ES modules", "welcome.test.mjs", ["--experimental-vm-modules"]],
])(
  "the test that docs/testing.md shows for jest in %s passes as it is written",
  async (_, file, flags) => {
    const root = join(import.meta.dirname, "../..");
    const page = readFileSync(join(root, "docs/testing.md"), "utf8");
    const [, code = ""] = new RegExp(`^\`\`\`js file=${file}\\n([\\s\\S]*?)^\`\`\``, "m").exec(page) ?? [];
    // below the examples, where the packages are found as they were built
    const folder = mkdtempSync(join(root, "examples", ".pages-"));
    try {
      writeFileSync(join(folder, file), code);
      writeFileSync(join(folder, "package.json"), "{}"); // CommonJS
      const jest = join(import.meta.dirname, "node_modules/jest/bin/jest.js");
      const { status, err } = await start(process.execPath, [...flags, jest, "--rootDir", folder, LIMIT]).ended;
      expect(err).toMatch(/Tests: +1 passed, 1 total/);
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  180_000,
);
