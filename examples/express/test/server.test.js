const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { startEmulator } = require("@cloud-messaging/emulator");

/** The program in a process of its own, against an emulator that the environment names. */
async function startProgram(emulator) {
  const CLOUD_MESSAGING_EMULATOR_HOST = new URL(emulator.httpUrl).host;
  const child = spawn(process.execPath, [join(__dirname, "../server.js")], {
    env: { ...process.env, PORT: "0", CLOUD_MESSAGING_EMULATOR_HOST },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout);
  const ended = once(child, "close");
  const [first] = await Promise.race([once(lines, "line"), ended]);
  if (typeof first !== "string") throw new Error(`the program has ended with ${first} before it listened`);
  return { child, url: first.replace("listening: ", ""), ended };
}

test("answers the request under way after SIGTERM, and then ends", async () => {
  const emulator = await startEmulator();
  const { child, url, ended } = await startProgram(emulator);
  try {
    const phone = emulator.createDevice();
    emulator.faults.http({ kind: "slow", delayMs: 300, endpoint: "fcm-v1" });
    const answer = fetch(`${url}/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: phone.token, data: { n: "1" } }),
    });
    await emulator.inbox.waitFor(({ id }) => id > 0);
    child.kill("SIGTERM");
    expect(await (await answer).json()).toEqual({ kind: "accepted" });
    expect(await ended).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
    await emulator.close();
  }
});
