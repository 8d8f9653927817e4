import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";

/** The built program as it runs in production, against an emulator that the environment names. */
async function startProgram(emulator: Emulator, folder: string) {
  writeFileSync(join(folder, "ca.pem"), emulator.caCertificate);
  const { host, port, senderId, apiKey } = emulator.ccsOptions();
  const child: ChildProcess = spawn(process.execPath, [join(__dirname, "../dist/main.js")], {
    env: {
      ...process.env,
      PORT: "0",
      NO_COLOR: "1",
      FCM_CREDENTIAL: "service-account.json",
      CCS_SENDER_ID: senderId,
      CCS_API_KEY: apiKey,
      CLOUD_MESSAGING_EMULATOR_HOST: new URL(emulator.httpUrl).host,
      CLOUD_MESSAGING_EMULATOR_CCS: `${host}:${port}`,
      CLOUD_MESSAGING_EMULATOR_CA_FILE: join(folder, "ca.pem"),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  for await (const line of createInterface(child.stdout as NodeJS.ReadableStream)) {
    const [, url] = /listening: (\S+)/.exec(line) ?? [];
    if (url !== undefined) return { child, url, ended };
  }
  throw new Error(`the program has ended with ${(await ended).join()} before it listened`);
}

/** True if the port takes a connection. */
async function isListening(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe("the program", () => {
  it("confirms the order under way after SIGTERM, and then ends", async () => {
    const folder = await mkdtemp(join(tmpdir(), "nestjs-"));
    const emulator = await startEmulator({ ccs: { autoAck: false } });
    const { child, url, ended } = await startProgram(emulator, folder);
    try {
      const phone = emulator.createDevice();
      const { acked } = phone.sendUpstream({ order: "coffee" });
      await emulator.inbox.waitFor(({ protocol }) => protocol === "ccs");
      child.kill("SIGTERM");
      // Nest closes its server first, then the senders
      while (await isListening(url));
      expect(child.exitCode).toBeNull();
      expect(emulator.ccs.ackAll()).toBe(1);
      await acked;
      // Nest ends by the signal that it was sent
      expect(await ended).toEqual([null, "SIGTERM"]);
      expect(phone.received).toMatchObject([{ data: { confirmed: "coffee" } }]);
    } finally {
      child.kill("SIGKILL");
      await emulator.close();
      await rm(folder, { recursive: true });
    }
  });
});
