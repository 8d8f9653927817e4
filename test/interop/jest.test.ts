import { join } from "node:path";
import { expect, it } from "vitest";
import { start } from "./foreign-program.ts";

it("jest 30, with its default fake timers: every transport sends, an upstream message is acked, everything closes", async () => {
  const here = import.meta.dirname;
  const program = start(process.execPath, [
    "--experimental-vm-modules",
    join(here, "node_modules/jest/bin/jest.js"),
    "--config",
    JSON.stringify({
      rootDir: join(here, "programs"),
      testMatch: ["<rootDir>/fake-timers.jest.mjs"],
      moduleFileExtensions: ["mjs", "js", "cjs", "json"],
      transform: {},
      testTimeout: 30_000, // jest's own limit of five seconds is short for a busy machine
    }),
  ]);
  const { status, err } = await program.ended;
  expect(err).toMatch(/Tests: +7 passed, 7 total/);
  expect(status).toBe(0);
}, 180_000);
