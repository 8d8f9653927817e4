import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { programEnvironment } from "../support/program-environment.ts";

const root = join(import.meta.dirname, "../..");
const demo = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(root, "examples/demo/main.mjs"), ...args], {
    cwd: root,
    env: programEnvironment({ NO_COLOR: "1" }),
  });

it("the demo loses nothing, and every count is what its story says", async () => {
  const { stdout, stderr } = await demo("--json");
  expect(stderr).toBe("");
  const lines = stdout.trimEnd().split("\n");
  const events = lines.slice(0, -1).map((line) => JSON.parse(line) as { event: string });
  expect(new Set(events.map(({ event }) => event))).toEqual(
    new Set(
      ["chapter", "retry", "replaced", "removed", "moved", "outcome", "note", "acks", "nack", "receipt"].concat([
        "handled",
        "upstream-acked",
        "handler-failed",
        "connection",
        "drain",
        "resend",
        "outbox-stored",
        "outbox-killed",
        "outbox-finished",
        "gateway-answered",
        "gateway-shown",
      ]),
    ),
  );
  expect(JSON.parse(lines.at(-1) as string)).toEqual({
    summary: {
      sent: 659,
      accepted: 655,
      canonicalRewrites: 1,
      removed: 4,
      moved: 1,
      retries: 5,
      acks: 648,
      nacks: 7,
      receipts: 1,
      upstream: 2,
      drains: 2,
      reconnects: 1,
      lost: 0,
      lostByTheOutbox: 0,
      lostByTheGateway: 0,
    },
  });
});

it("the demo tells its story as lines and a table for people", async () => {
  const { stdout } = await demo();
  expect(stdout).toMatch(/│ lost +│ +0 │/);
  expect(stdout).toContain("Nothing was lost");
  expect(stdout).not.toContain("{");
});

it("the demo says what it does not understand, and no more", async () => {
  await expect(demo("--jsn")).rejects.toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/--jsn.*\n.*--json/s),
  });
  await expect(demo("--jsn")).rejects.not.toMatchObject({ stderr: expect.stringContaining("    at ") });
});

it("the demo ends without a word when nobody reads on", async () => {
  const child = spawn(process.execPath, [join(root, "examples/demo/main.mjs")], {
    env: programEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [status] = await ended;
  expect({ status, errors }).toEqual({ status: 1, errors: "" });
});
