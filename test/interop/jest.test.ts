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
