import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cli } from "../support/cli.ts";
import { createTestEnvironment, type TestEnvironment } from "../support/environment.ts";

let emulator: Emulator;
let files: TestEnvironment;
let v1: readonly string[];
let gcm: readonly string[];
let ccs: readonly string[];
let key: readonly string[];
let management: readonly string[];
beforeAll(async () => {
  emulator = await startEmulator();
  files = createTestEnvironment();
  const credential = await files.file(JSON.stringify(emulator.fcm.serviceAccount()));
  const ca = await files.file(emulator.caCertificate, "ca.pem");
  key = ["--api-key-file", await files.file("any-key\n", "key.txt")];
  const { host, port, senderId } = emulator.ccsOptions();
  v1 = ["--credential", credential, "--endpoint", emulator.httpsUrl as string, "--ca", ca];
  gcm = ["--protocol", "gcm", ...key, "--endpoint", emulator.httpOptions().endpoint];
  ccs = [...key, "--endpoint", `${host}:${port}`, "--ca", ca, "--sender-id", senderId];
  management = [...key, "--sender-id", senderId, "--endpoint", `${emulator.httpUrl}/fcm/notification`];
});
afterEach(() => emulator.faults.clear());
afterAll(async () => {
  await emulator.close();
  await files[Symbol.asyncDispose]();
});

let devices = 0;
/** A device with a token that does not begin with a hyphen, as a generated one may. */
const createDevice = () => emulator.createDevice({ token: `phone-${++devices}:APA91b${"x".repeat(20)}` });

describe("cloud-messaging validate", () => {
  it("tells tokens that are alive, dead and of another sender apart, as CSV", async () => {
    const [alive, gone, foreign] = [createDevice(), createDevice(), createDevice()];
    gone.uninstall();
    // the service notices with the next message
    await cli(["send", "--to", gone.token, "--data", "a=1", ...gcm]);
    emulator.faults.next({ token: foreign.token, error: "mismatch-sender-id" });
    const list = await files.file(`token,user\n${alive.token},ada\n\n"${gone.token}",grace\r\n`, "tokens.csv");
    const result = await cli(["validate", foreign.token, "--file", list, ...v1]);
    const [heading, ...rows] = result.out.trimEnd().split("\n");
    expect(heading).toBe("token,state,code,canonical");
    expect(rows.sort()).toEqual(
      [
        `${alive.token},alive,,`,
        `${gone.token},dead,not-registered,`,
        `${foreign.token},other-sender,mismatch-sender-id,`,
      ].sort(),
    );
    expect(result).toMatchObject({ status: 1, err: "3 tokens: 1 alive, 1 dead, 1 other-sender\n" });
    expect(alive.received).toEqual([]);
  });

  it("reads standard input, and writes JSON with the canonical ID of a superseded token", async () => {
    const phone = createDevice();
    const old = phone.token;
    phone.reregister();
    const result = await cli(["validate", "--file", "-", "--json", ...gcm], { input: `${old}\n${phone.token}` });
    expect(result.status).toBe(0);
    expect(result.json<{ token: string }>().sort((a, b) => (a.token === old ? -1 : b.token === old ? 1 : 0))).toEqual([
      { token: old, state: "alive", canonical: phone.token },
      { token: phone.token, state: "alive" },
    ]);
  });

  it("keeps to the rate", async () => {
    const tokens = Array.from({ length: 3 }, () => createDevice().token);
    const startedAt = performance.now();
    const { err } = await cli(["validate", ...tokens, "--rate", "5", ...gcm]);
    expect(err).toBe("3 tokens: 3 alive\n");
    // at five a second the last of three goes after 400 ms
    expect(performance.now() - startedAt).toBeGreaterThan(390);
  });

  it("says that there are no tokens, or no such file", async () => {
    expect(await cli(["validate", ...gcm])).toMatchObject({
      status: 2,
      err: "Give tokens, or a file of them with --file\n",
    });
    expect(await cli(["validate", "--file", "/nowhere", ...gcm])).toMatchObject({
      status: 2,
      err: "--file: the file /nowhere cannot be read (ENOENT)\n",
    });
  });
});

describe("cloud-messaging listen", () => {
  it("prints the connection, upstream messages and receipts as they come, and acknowledges them", async () => {
    const phone = createDevice();
    const running = cli(["listen", "--count", "1", "--json", ...ccs]);
    const { acked } = phone.sendUpstream({ order: "coffee" });
    await acked;
    const { status, json } = await running;
    expect(status).toBe(0);
    expect(json()).toContainEqual({ type: "connection", phase: "open" });
    expect(json()).toContainEqual(
      expect.objectContaining({ type: "upstream", from: phone.token, data: { order: "coffee" } }),
    );
  });

  it("acknowledges nothing under --no-ack, ends in good order, and the next one gets it again", async () => {
    const phone = createDevice();
    const ending = new AbortController();
    const stdout: string[] = [];
    const running = cli(["listen", "--no-ack", "--json", ...ccs], {
      signal: ending.signal,
      stdout: {
        write(text) {
          stdout.push(text);
          // Ctrl-C
          if (text.includes('"upstream"')) ending.abort();
          return true;
        },
        once: () => undefined,
        removeListener: () => undefined,
      },
    });
    const { acked } = phone.sendUpstream({ order: "tea" });
    expect((await running).status).toBe(130);
    expect(stdout.join("")).toContain('"tea"');
    const again = await cli(["listen", "--count", "1", "--json", ...ccs]);
    expect(again.out).toContain('"tea"');
    await acked;
  });

  it("says that the login was refused", async () => {
    emulator.faults.login({ kind: "not-authorized" });
    expect(await cli(["listen", ...ccs])).toMatchObject({
      status: 1,
      err: expect.stringMatching(/CCS refused the login/),
    });
  });
});

describe("cloud-messaging topics", () => {
  it.each([
    ["topic-subscriptions", () => v1],
    ["instance-id", () => [...key, "--endpoint", emulator.httpUrl]],
  ])("subscribes, shows and unsubscribes over %s", async (backend, args) => {
    const phone = createDevice();
    const call = (...words: string[]) => cli(["topics", ...words, "--backend", backend, ...args()]);
    expect(await call("subscribe", "news", phone.token, "gone")).toMatchObject({
      status: 1,
      out: expect.stringMatching(/^accepted .*\n(rejected|unregistered) /),
    });
    expect(await call("info", phone.token)).toMatchObject({ status: 0, out: expect.stringMatching(/^news\t/) });
    expect((await call("unsubscribe", "news", phone.token)).status).toBe(0);
    expect((await call("info", phone.token, "--json")).json()).toMatchObject([{ topics: [] }]);
  });

  it("imports APNs tokens", async () => {
    const apns = "ab".repeat(32);
    const args = ["--application", "com.example.app", "--sandbox", ...key, "--endpoint", emulator.httpUrl];
    const result = await cli(["topics", "import-apns", apns, ...args, "--json"]);
    expect(result.status).toBe(0);
    expect(result.json()).toMatchObject([{ kind: "ok", recipient: apns, registrationToken: expect.any(String) }]);
  });
});

describe("cloud-messaging groups", () => {
  it("creates a group, changes its members, finds its key, and ends it", async () => {
    const [one, two] = [createDevice(), createDevice()];
    const call = (...words: string[]) => cli(["groups", ...words, ...management]);
    const created = await call("create", "user-7", one.token);
    expect(created.status).toBe(0);
    expect((await call("find", "user-7")).out).toBe(created.out);
    expect((await call("add", "user-7", two.token, "--key", created.out.trim())).status).toBe(0);
    expect((await call("remove", "user-7", one.token, two.token)).status).toBe(0);
    expect(await call("find", "user-7")).toMatchObject({
      status: 1,
      out: expect.stringMatching(/^rejected .*group-not-found/),
    });
  });
});
