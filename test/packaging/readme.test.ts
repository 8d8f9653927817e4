import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { programEnvironment } from "../support/program-environment.ts";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const programs = new Map(
  [...readme.matchAll(/```js file=(\S+)\n([\s\S]*?)```/g)].map((match) => [match[1] as string, match[2] as string]),
);

/** Runs a program as its reader would: what was built, plain Node, to its own end. */
async function run(program: string): Promise<string> {
  const folder = mkdtempSync(join(root, "examples", ".readme-"));
  try {
    const file = join(folder, "program.mjs");
    writeFileSync(file, program);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
      cwd: folder,
      env: programEnvironment(),
    });
    expect(stderr).toBe("");
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("the README", () => {
  it("has one program over HTTP and one over CCS, each short enough to read", () => {
    expect([...programs.keys()]).toEqual(expect.arrayContaining(["send.mjs", "ccs.mjs"]));
    for (const [name, program] of programs) expect(program.split("\n").length, name).toBeLessThanOrEqual(30);
  });

  it("sends over HTTP as written", async () => {
    const printed = await run(programs.get("send.mjs") as string);
    expect(printed).toMatch(/^accepted \S+\nthe phone shows: Your turn\n$/);
  });

  it("talks to devices over CCS as written", async () => {
    const printed = await run(programs.get("ccs.mjs") as string);
    expect(printed.split("\n")).toEqual([
      "from a device: coffee",
      "to the device: on its way",
      "accepted and on the device: MESSAGE_SENT_TO_DEVICE",
      "",
    ]);
  });

  it("names no file that does not exist", () => {
    for (const [, path] of readme.matchAll(/\]\(((?:docs|packages|examples|CONTRIBUTING)[^)#]*)/g)) {
      expect(() => readFileSync(join(root, path as string)), path).not.toThrow(/ENOENT/);
    }
  });
});
