import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createKey, hashKey, openForwarder } from "@cloud-messaging/gateway";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliResult, cli } from "../support/cli.ts";
import { run } from "../support/emulator-program.ts";
import { createTestEnvironment, type TestEnvironment } from "../support/environment.ts";
import { startGatewayProgram } from "../support/gateway-program.ts";

let emulator: Emulator;
let files: TestEnvironment;
beforeEach(() => {
  files = createTestEnvironment();
});
afterEach(() => files[Symbol.asyncDispose]());

/** Starts an emulator for each test of a `describe`. */
function startsEmulators(): void {
  beforeEach(async () => {
    emulator = await startEmulator();
  });
  afterEach(() => emulator.close());
}

/** A token as long as a real one. */
const aToken = (name: string): string => `${name}:APA91b${"Canary0".repeat(20)}`;
/** A part of the private key, on one line of its text and not its first. */
const partOfKey = (): string => emulator.fcm.serviceAccount().private_key.split("\n")[3] as string;

function expectNone(secrets: readonly string[], text: string): void {
  for (const secret of secrets) expect(text).not.toContain(secret);
}

describe("the gateway's log", () => {
  startsEmulators();

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
  startsEmulators();

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

describe("a secret in the place of a file that holds it", () => {
  const SECRET = "Canary0-of-no-known-form+0123456789/abcdef==";
  const PEM = "-----BEGIN EC PRIVATE KEY-----\nCanary0AoGCCqGSM49AwEHoUQDQgAE\n-----END EC PRIVATE KEY-----\n";

  it.each([
    ["--api-key-file", ["send", "--to", "a", "--data", "n=1", "--protocol", "gcm", "--api-key-file", SECRET]],
    ["--api-key-file", ["listen", "--sender-id", "1", "--api-key-file", SECRET]],
    ["--api-key-file", ["check", "--protocol", "gcm", "--api-key-file", SECRET]],
    ["credential", ["check", "--credential", SECRET]],
    ["credential", ["send", "--to", "a", "--data", "n=1", "--credential", SECRET]],
    ["--ca", ["send", "--to", "a", "--data", "n=1", "--ca", SECRET]],
    ["--message", ["send", "--to", "a", "--message", SECRET]],
    ["--file", ["validate", "--file", SECRET]],
    ["--file", ["registrations", "import", "--store", "lmdb:STORE", "--file", SECRET]],
  ])("is not repeated by the command line, which names %s: %j", async (field, args) => {
    const store = await files.file("", "store");
    const { status, out, err } = await cli(args.map((arg) => arg.replace("STORE", `${store}.lmdb`)));
    expect(status).toBeGreaterThan(0);
    expect(out + err).toContain(field);
    expect(out + err).toMatch(/not shown since it may be a secret; the path of a file is wanted/);
    expectNone(["Canary0"], out + err);
  });

  it("is not repeated by the command line as the value of an option that there is not", async () => {
    const { status, out, err } = await cli(["send", "--to", "a", `--api-key=${SECRET}`]);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toContain("unknown option '--api-key'");
    expectNone(["Canary0"], err);
  });

  it.each([
    ["projects.shop.credential", { projects: { shop: { credential: SECRET } } }],
    ["http.tls.key", { http: { tls: { key: PEM } } }],
    ["ccs.tls.cert", { ccs: { tls: { cert: SECRET } } }],
  ])("is not repeated by the gateway, which names %s of its config", async (field, config) => {
    const file = await files.file(JSON.stringify({ projects: {}, clients: [], ...config }), "gateway.json");
    const read = (): unknown => openForwarder(file);
    expect(read).toThrow(`${field}: (a name of `);
    expect(read).toThrow(/not shown since it may be a secret; the path of a file is wanted\) cannot be read/);
    expect(read).not.toThrow(/Canary0/);
  });

  it.each([
    ["--config", ["--config", SECRET]],
    ["--tls-key", ["--tls-cert", "CERT", `--tls-key=${PEM}`]],
  ])("is not repeated by the emulator, which names %s", async (field, args) => {
    const cert = await files.file("", "cert.pem");
    const { status, out, err } = await run(args.map((arg) => (arg === "CERT" ? cert : arg))).ended;
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toContain(`${field}: (a name of `);
    expectNone(["Canary0"], err);
  });
});
