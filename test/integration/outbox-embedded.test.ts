import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEmbeddedEngine, createOutbox } from "@cloud-messaging/outbox";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outbox-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const OPEN = `
  import { writeSync } from "node:fs";
  import { createOutbox } from "@cloud-messaging/outbox";
  const outbox = createOutbox({ path: process.env.OUTBOX });
  const say = (line) => writeSync(1, line + "\\n");
  const message = { target: { token: "a".repeat(150) }, data: { x: "1" } };
`;

/** Runs a program on what was built, behind a command or none, to its own end. */
async function run(program: string, behind: readonly string[] = []) {
  const line = [...behind, process.execPath, "--input-type=module", "-e", program];
  const child = spawn(line[0] as string, line.slice(1), {
    cwd: join(import.meta.dirname, ".."),
    env: { ...process.env, OUTBOX: join(folder, "db"), NODE_TLS_REJECT_UNAUTHORIZED: undefined },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}

function has(command: string): boolean {
  try {
    execFileSync("/bin/sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const failure = (message: RegExp) =>
  expect.objectContaining({ code: "ERR_OUTBOX_STORAGE", message: expect.stringMatching(message) });
const thrownBy = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("an embedded outbox", () => {
  it.skipIf(!has("strace") && !process.env["CI"])(
    "resolves enqueue after the disk has the message: fdatasync comes before",
    async () => {
      const trace = join(folder, "trace");
      const program = `${OPEN}
      say("ready");
      await outbox.enqueue(message);
      say("stored");
      await outbox.close();`;
      const strace = ["strace", "-f", "-o", trace, "-e", "trace=fdatasync,fsync,pwrite64,pwritev,write,writev"];
      expect(await run(program, strace)).toEqual({ code: 0, output: "ready\nstored\n" });
      const calls = readFileSync(trace, "utf8").split("\n");
      const at = (text: string): number => calls.findIndex((call) => call.includes(text));
      const between = calls.slice(at('"ready'), at('"stored'));
      const written = between.findIndex((call) => /pwrite|writev/.test(call));
      const synced = between.findIndex((call) => /fdatasync.*= 0|fdatasync resumed.*= 0/.test(call));
      expect(written).toBeGreaterThan(0);
      expect(synced).toBeGreaterThan(written);
    },
  );

  it.skipIf(process.platform === "win32")(
    "gets a clear error when the disk is full, loses nothing that was stored, and goes on when there is space",
    async () => {
      const program = `${OPEN}
      let stored = 0;
      for (let failures = 0; failures < 2; ) {
        const results = await Promise.allSettled(Array.from({ length: 50 }, () => outbox.enqueue(message)));
        const failed = results.filter(({ status }) => status === "rejected");
        stored += 50 - failed.length;
        if (failed.length === 0) continue;
        failures++;
        say(failed[0].reason.code + ": " + failed[0].reason.message);
      }
      say(String(stored === (await outbox.backlog()).recipients && stored > 50));
      await outbox.close();`;
      // no signal, and an error, where a file would get longer than 600 blocks of 1024 bytes
      const limit = ["bash", "-c", 'trap "" XFSZ; ulimit -f 600; exec "$@"', "bash"];
      const { code, output } = await run(program, limit);
      const lines = output.trim().split("\n");
      for (const line of lines.slice(0, 2)) expect(line).toMatch(/^ERR_OUTBOX_STORAGE: .*the disk is full/);
      expect(lines.slice(2)).toEqual(["true"]);
      expect(code).toBe(0);
      await using outbox = createOutbox({ path: join(folder, "db") });
      const { recipients } = await outbox.backlog();
      await outbox.enqueue({ target: { token: "late" } });
      expect((await outbox.backlog()).recipients).toBe(recipients + 1);
    },
  );

  it("refuses a truncated file, and leaves it as it is", async () => {
    const path = join(folder, "db");
    const outbox = createOutbox({ path });
    for (let n = 0; n < 20; n++) await outbox.enqueue({ target: { token: "x".repeat(2_000) } });
    await outbox.close();
    const file = join(path, "data.mdb");
    truncateSync(file, 12_000);
    const before = readFileSync(file);
    expect(thrownBy(() => createOutbox({ path }))).toEqual(failure(/the data file is damaged/));
    expect(readFileSync(file)).toEqual(before);
  });

  it("refuses a file that is no database", () => {
    writeFileSync(join(folder, "data.mdb"), "not a database ".repeat(1_000));
    expect(thrownBy(() => createOutbox({ path: folder }))).toEqual(failure(/damaged/));
  });

  it.skipIf(process.getuid?.() === 0)("refuses a folder that it may not write to", () => {
    chmodSync(folder, 0o500);
    expect(thrownBy(() => createOutbox({ path: join(folder, "db") }))).toEqual(failure(/may not write there/));
    chmodSync(folder, 0o700);
  });

  it("names the option path when it is missing", () => {
    expect(thrownBy(() => createOutbox({} as never))).toMatchObject({ code: "ERR_INVALID_OPTIONS" });
  });

  it("steals no live lease when the wall clocks of two workers differ by a minute", async () => {
    const path = join(folder, "db");
    const clock = (aheadMs: number) => ({
      now: () => Date.now() + aheadMs,
      monotonic: () => performance.now() as never,
      schedule: () => () => {},
    });
    await using one = createEmbeddedEngine({ path, clock: clock(0) });
    await using other = createEmbeddedEngine({ path, clock: clock(60_000) });
    const chunk = { recipients: Buffer.from("a"), size: 1, pending: 1 };
    await one.submit([{ id: "a", lane: "normal", body: Buffer.from("b"), chunks: [chunk], sealed: true }]);
    const request = { lanes: ["normal"], limit: 1, leaseMs: 30_000 };
    const claim = await one.claim(request);
    expect(claim.chunks).toHaveLength(1);
    expect((await other.claim(request)).chunks).toEqual([]);
    const [{ lease } = { lease: "" }] = claim.chunks;
    expect(await one.renew([{ submission: "a", chunk: 0, lease }], 30_000)).toEqual(["running"]);
    expect((await other.claim(request)).chunks).toEqual([]);
  });

  it("ends no live lease by a boot that did not happen, and every lease by one that did", async () => {
    const path = join(folder, "db");
    const machine = (boot: string) => ({ boot, now: () => 5_000 });
    const request = { lanes: ["normal"], limit: 1, leaseMs: 30_000 };
    const chunk = { recipients: Buffer.from("a"), size: 1, pending: 1 };
    const before = createEmbeddedEngine({ path, machine: machine("first") });
    await before.submit([{ id: "a", lane: "normal", body: Buffer.from("b"), chunks: [chunk], sealed: true }]);
    expect((await before.claim(request)).chunks).toHaveLength(1);
    await before.close();
    const same = createEmbeddedEngine({ path, machine: machine("first") });
    expect((await same.claim(request)).chunks).toEqual([]);
    await same.close();
    await using after = createEmbeddedEngine({ path, machine: machine("second") });
    expect((await after.claim(request)).chunks).toHaveLength(1);
  });
});
