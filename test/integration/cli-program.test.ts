import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmulator } from "@cloud-messaging/emulator";
import { afterEach, describe, expect, it } from "vitest";
import { killAll, launch } from "../support/emulator-program.ts";
import { createTestEnvironment } from "../support/environment.ts";

const PROGRAM = join(import.meta.dirname, "../../packages/cli/bin/cloud-messaging.mjs");
const start = (args: readonly string[], variables = {}) => launch(process.execPath, [PROGRAM, ...args], variables);
afterEach(killAll);

describe("the program cloud-messaging", () => {
  it("runs a command under the emulator, with its variables, and has its status", async () => {
    const script = "console.log(process.env.CLOUD_MESSAGING_EMULATOR_HOST); process.exit(7)";
    const { status, out } = await start(["emulator", "exec", "--", process.execPath, "-e", script]).ended;
    expect({ status, out }).toEqual({ status: 7, out: expect.stringMatching(/^127\.0\.0\.1:\d+\n$/) });
  });

  it("has the gateway's help and its status for a mistake", async () => {
    const [help, wrong] = await Promise.all([
      start(["gateway", "--help"]).ended,
      start(["gateway", "--config", "nowhere.json"]).ended,
    ]);
    expect(help).toMatchObject({ status: 0, out: expect.stringContaining("cloud-messaging-gateway --config FILE") });
    expect(wrong).toMatchObject({ status: 2, err: expect.stringMatching(/nowhere\.json cannot be read/) });
  });

  it.skipIf(process.platform === "win32")("ends at Ctrl-C while it waits for standard input", async () => {
    const folder = await mkdtemp(join(tmpdir(), "cli-program-"));
    const args = [PROGRAM, "registrations", "import", "--store", `lmdb:${folder}`];
    const running = launch(process.execPath, args, {}, ["pipe", "pipe", "pipe"]);
    const open = async () => {
      await expect.poll(() => existsSync(join(folder, "data.mdb")), { timeout: 20_000 }).toBe(true);
      return "open";
    };
    expect(await Promise.race([open(), running.ended])).toBe("open");
    running.kill("SIGINT");
    expect(await running.ended).toEqual({ status: 130, out: "", err: "0 registrations imported\n" });
    await rm(folder, { recursive: true, force: true });
  });

  it.skipIf(process.platform === "win32")(
    "ends in good order at Ctrl-C: CCS is left, and the status is 130",
    async () => {
      await using emulator = await startEmulator();
      await using files = createTestEnvironment();
      const { host, port, senderId } = emulator.ccsOptions();
      const running = start(["listen", "--sender-id", senderId, "--json"], {
        CLOUD_MESSAGING_EMULATOR_HOST: new URL(emulator.httpUrl).host,
        CLOUD_MESSAGING_EMULATOR_CCS: `${host}:${port}`,
        CLOUD_MESSAGING_EMULATOR_KEY: "any",
        CLOUD_MESSAGING_EMULATOR_CA_FILE: await files.file(emulator.caCertificate, "ca.pem"),
      });
      const open = new Promise<void>((resolve) => {
        running.child.stdout?.on("data", (data: Buffer) => {
          if (data.toString().includes('"open"')) resolve();
        });
      });
      const first = await Promise.race([open, running.ended]);
      expect(first).toBeUndefined();
      running.kill("SIGINT");
      const { status, out } = await running.ended;
      expect(status).toBe(130);
      expect(out).toMatch(/"phase":"closed"[^\n]*\n$/);
      expect(emulator.violations).toEqual([]);
    },
  );
});
