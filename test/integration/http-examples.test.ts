import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const EXAMPLES = join(import.meta.dirname, "../../examples");

async function run(file: string, env: Record<string, string> = {}): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(EXAMPLES, file)], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

describe("the HTTP examples run as written", () => {
  it.each([
    ["http-send.mjs", [/^key: valid$/m, /accepted attempts: 3/, /has a new token/, /unregistered/, /topic: accepted/]],
    ["device-groups.mjs", [/^created: ok$/m, /group-exists/, /accepted 3 devices, 0 failed/, /group-not-found/]],
    [
      "own-connection-server.mjs",
      [
        /decided on last\n {2}decided on gone\n {2}decided on first\n/,
        /^node-gcm: own:2, NotRegistered, own:1$/m,
        /^the drop-in: own:4, NotRegistered, own:3$/m,
        /^the CCS client: accepted, unregistered, accepted$/m,
      ],
    ],
    [
      "gateway.mjs",
      [/^ {2}gcm-http: accepted$/m, /^ {2}ccs: accepted$/m, /^the phone shows: From node-gcm, From CCS$/m],
    ],
    ["topics.mjs", [/accepted, accepted, accepted, unregistered/, /received: 2, 2, 0/]],
  ])("%s", async (file, lines) => {
    const { code, output } = await run(file);
    for (const line of lines) expect(output).toMatch(line);
    expect(code).toBe(0);
  });

  it("http-million.mjs, with fewer tokens", async () => {
    const { code, output } = await run("http-million.mjs", { TOKENS: "30000" });
    expect(output).toMatch(/peak RSS at 10 %: \d+ MB/);
    expect(output).toMatch(/^30000 outcomes in /m);
    expect(code).toBe(0);
  });
});
