import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

describe("the soak, in short", () => {
  it.each([
    ["one connection", ["--seed", "7"]],
    ["three connections", ["--seed", "8", "--connections", "3"]],
  ])("loses nothing over %s while the server drains and cuts", async (_, rest) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["scripts/soak.mjs", "--messages", "15000", "--every", "200", "--json", ...rest],
      { cwd: root },
    );
    const summary = JSON.parse(stdout) as Record<string, number>;
    expect(summary).toMatchObject({ sent: 15_000, acked: 15_000, lost: 0, violations: 0 });
    expect((summary["drains"] ?? 0) + (summary["cuts"] ?? 0)).toBeGreaterThan(0);
  });
});
