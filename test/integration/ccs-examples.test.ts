import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { programEnvironment } from "../support/program-environment.ts";

const root = join(import.meta.dirname, "../..");

/** Runs an example as its reader would: what was built, plain Node, to its own end. */
async function run(example: string, ...rest: string[]): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join("examples", example), ...rest], {
    cwd: root,
    env: programEnvironment(),
  });
  expect(stderr).toBe("");
  return stdout.trimEnd().split("\n");
}

describe("the CCS examples, as written", () => {
  it("ccs-echo answers every device", async () => {
    expect(await run("ccs-echo.mjs")).toEqual([
      "Ada hears: Hello from Ada 👋",
      "Grace hears: Hello from Grace 👋",
      "Edsger hears: Hello from Edsger 👋",
    ]);
  });

  it("ccs-bulk has every message accepted", async () => {
    expect(await run("ccs-bulk.mjs", "2000")).toEqual([
      "accepted 2000",
      "sent again after a connection was gone: some",
    ]);
  });

  it("ccs-receipts hears of both phones", async () => {
    expect(await run("ccs-receipts.mjs")).toEqual([
      "phone in the hand: accepted, MESSAGE_SENT_TO_DEVICE",
      "phone in a drawer: accepted, no receipt yet",
      "phone in a drawer: confirmed",
    ]);
  });
});
