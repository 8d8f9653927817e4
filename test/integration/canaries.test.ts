import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createKey, hashKey } from "@cloud-messaging/gateway";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliResult, cli } from "../support/cli.ts";
import { createTestEnvironment, type TestEnvironment } from "../support/environment.ts";
import { startGatewayProgram } from "../support/gateway-program.ts";

let emulator: Emulator;
let files: TestEnvironment;
beforeEach(async () => {
  emulator = await startEmulator();
  files = createTestEnvironment();
});
afterEach(async () => {
  await emulator.close();
  await files[Symbol.asyncDispose]();
});

/** A token as long as a real one. */
const aToken = (name: string): string => `${name}:APA91b${"Canary0".repeat(20)}`;
/** A part of the private key, on one line of its text and not its first. */
const partOfKey = (): string => emulator.fcm.serviceAccount().private_key.split("\n")[3] as string;

function expectNone(secrets: readonly string[], text: string): void {
  for (const secret of secrets) expect(text).not.toContain(secret);
}

describe("the gateway's log", () => {
  it("holds no key and no whole token, whatever is refused or fails", async () => {
    const { credential, ...rest } = emulator.fcmOptions();
    const [key, wrongKey] = [createKey(), createKey()];
    const phone = emulator.createDevice({ token: aToken("phone") });
    const config = await files.file(
      JSON.stringify({
        projects: { shop: { ...rest, credential: await files.file(JSON.stringify(credential)) } },
        clients: [{ name: "web-shop", keys: [hashKey(key)], project: "shop" }],
        http: { port: 0 },
      }),
    );
    const gateway = startGatewayProgram(["--config", config], "", { CLOUD_MESSAGING_EMULATOR_HOST: undefined });
    try {
      const { http } = await gateway.line('"listening"');
      const send = (by: string, body: object) =>
        fetch(`http://127.0.0.1:${http}/fcm/send`, {
          method: "POST",
          headers: { authorization: `key=${by}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        }).then((response) => response.status);
      const message = { to: phone.token, data: { n: "1" } };
      expect(await send(key, message)).toBe(200);
      expect(await send(wrongKey, message)).toBe(401);
      expect(await send(key, { ...message, data: { from: "reserved" } })).toBe(400);
      expect(await send(key, { ...message, to: aToken("nobody") })).toBe(200);
      emulator.fcm.revokeServiceAccounts();
      emulator.fcm.expireTokens();
      await send(key, message);
      expect(await gateway.kill("SIGTERM")).toBe(0);
      expect(gateway.lines("web-shop").length).toBeGreaterThan(2);
      const secrets = [
        key,
        wrongKey,
        phone.token,
        aToken("nobody"),
        "ya29.",
        credential.private_key.split("\n")[3] as string,
      ];
      expectNone(secrets, gateway.output());
    } finally {
      await gateway.kill();
    }
  });
});

describe("what the command line prints", () => {
  it("holds no key, no access token and no whole token of a device, whatever is refused or fails", async () => {
    const apiKey = `AIzaSy${"Canary0".repeat(5).slice(2)}`;
    const phone = emulator.createDevice({ token: aToken("phone") });
    const credential = await files.file(JSON.stringify(emulator.fcm.serviceAccount()));
    const ca = await files.file(emulator.caCertificate, "ca.pem");
    const keyFile = await files.file(`${apiKey}\n`, "key.txt");
    const v1 = ["--credential", credential, "--endpoint", emulator.httpsUrl as string, "--ca", ca];
    const gcm = ["--protocol", "gcm", "--api-key-file", keyFile, "--endpoint", emulator.httpOptions().endpoint];
    const secrets = [apiKey, phone.token, aToken("nobody"), "ya29.", partOfKey()];
    const runs: CliResult[] = [];
    const run = async (...args: string[]) => runs.push(await cli(args));
    for (const at of [v1, gcm]) {
      await run("send", "--to", phone.token, "--data", "n=1", ...at);
      await run("send", "--to", aToken("nobody"), "--data", "n=1", ...at);
      await run("send", "--to", phone.token, "--data", "from=reserved", ...at);
    }
    await run("check", ...v1);
    emulator.fcm.revokeServiceAccounts();
    emulator.fcm.expireTokens();
    await run("check", ...v1);
    await run("send", "--to", phone.token, "--data", "n=1", ...v1);
    // a key in the place of its file
    await run("send", "--to", phone.token, "--data", "n=1", "--protocol", "gcm", "--api-key-file", apiKey);
    expect(runs.filter(({ status }) => status === 0).length).toBeGreaterThan(1);
    expect(runs.filter(({ status }) => status !== 0).length).toBeGreaterThan(4);
    for (const { out, err } of runs) expectNone(secrets, out + err);
  });
});
