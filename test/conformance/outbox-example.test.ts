import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { programEnvironment } from "../support/program-environment.ts";

it("the example of a campaign pauses half-way, resumes, and reaches every device, with fewer of them", async () => {
  const program = join(import.meta.dirname, "../../examples/outbox-campaign.mjs");
  const { stdout } = await promisify(execFile)(process.execPath, [program], {
    env: programEnvironment({ RECIPIENTS: "50000" }),
  });
  expect(stdout).toMatch(/^stored 50000 recipients\n/);
  expect(stdout).toMatch(/\npaused\nresumed\n/);
  expect(stdout).toMatch(/100 % {2}\{"accepted":50000\}\n50000 messages have reached the emulator\n$/);
});
