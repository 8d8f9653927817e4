import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

/** Runs a program in a process of its own; it has to end by itself. */
async function run(send: string, httpVersion: string): Promise<string> {
  await using emulator = await startEmulator({ ccsPort: false });
  const { token } = emulator.createDevice();
  const program = `
    import { createFcmSender } from "@cloud-messaging/http-sender";
    const options = JSON.parse(process.env.OPTIONS);
    const token = process.env.TOKEN;
    const sender = createFcmSender({ ...options, httpVersion: "${httpVersion}" });
    ${send}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: join(import.meta.dirname, ".."),
    env: { PATH: process.env["PATH"], OPTIONS: JSON.stringify(emulator.fcmOptions()), TOKEN: token },
    timeout: 25_000,
  });
  return stdout.trim();
}

describe.each(["2", "1.1"])("a process that sends over HTTP/%s", (httpVersion) => {
  it("ends by itself after close()", async () => {
    const send = `
      const { outcomes } = await sender.send({ target: { token } });
      await sender.close();
      console.log(outcomes[0].kind);`;
    expect(await run(send, httpVersion)).toBe("accepted");
  });

  it("ends by itself without close() too: what is idle keeps nobody waiting", async () => {
    const send = `sender.send({ target: { token } }).then(({ outcomes }) => console.log(outcomes[0].kind));`;
    expect(await run(send, httpVersion)).toBe("accepted");
  });

  it("ends by itself when it is closed in mid-send", async () => {
    const send = `
      const sending = sender.send({ target: { tokens: Array.from({ length: 500 }, () => token) } });
      const closing = sender.close();
      const { outcomes } = await sending;
      await closing;
      console.log(outcomes.length);`;
    expect(await run(send, httpVersion)).toBe("500");
  });
});

describe("the examples run as written", () => {
  const examples = join(import.meta.dirname, "../../examples");

  it("fcm-v1-send.mjs: accepted, unregistered, and the store kept up to date", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(examples, "fcm-v1-send.mjs")]);
    expect(stdout.split("\n")).toEqual([
      "store: replaced",
      "store: removed",
      "phone: accepted",
      "tablet: accepted",
      "lost phone: unregistered (not-registered)",
      "ann has 2 registrations left",
      "",
    ]);
  });

  it("node-gcm-v1.mjs: node-gcm's calls over v1", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(examples, "node-gcm-v1.mjs")]);
    expect(stdout).toBe("1 accepted, 1 refused: NotRegistered\nthe device got score 3\n");
  });
});
