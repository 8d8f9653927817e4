import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cli } from "../support/cli.ts";
import { createTestEnvironment, type TestEnvironment } from "../support/environment.ts";

let emulator: Emulator;
let files: TestEnvironment;
let at: Readonly<Record<"v1" | "gcm" | "ccs", readonly string[]>>;
beforeAll(async () => {
  emulator = await startEmulator();
  files = createTestEnvironment();
  const credential = await files.file(JSON.stringify(emulator.fcm.serviceAccount()));
  const ca = await files.file(emulator.caCertificate, "ca.pem");
  const key = await files.file("any-key\n", "key.txt");
  const { host, port, senderId } = emulator.ccsOptions();
  at = {
    v1: ["--credential", credential, "--endpoint", emulator.httpsUrl as string, "--ca", ca],
    gcm: ["--protocol", "gcm", "--api-key-file", key, "--endpoint", emulator.httpOptions().endpoint],
    ccs: [
      "--protocol",
      "ccs",
      "--api-key-file",
      key,
      "--endpoint",
      `${host}:${port}`,
      "--ca",
      ca,
      "--sender-id",
      senderId,
    ],
  };
});
afterEach(() => emulator.faults.clear());
afterAll(async () => {
  await emulator.close();
  await files[Symbol.asyncDispose]();
});

let devices = 0;
/** A device with a token that does not begin with a hyphen, as a generated one may. */
const createDevice = () => emulator.createDevice({ token: `phone-${++devices}:APA91b${"x".repeat(20)}` });

describe("cloud-messaging send", () => {
  it.each(["v1", "gcm", "ccs"] as const)("sends over %s and tells the outcome", async (protocol) => {
    const phone = createDevice();
    const message = ["--title", "Hello", "--body", "There", "--data", "a=1=2", "--data", "b="];
    const sent = await cli(["send", "--to", phone.token, ...message, ...at[protocol]]);
    expect(sent).toMatchObject({ status: 0, err: "" });
    expect(sent.out).toMatch(/^accepted {2}\S+ {2}\S+\n$/);
    expect(phone.received[0]).toMatchObject({
      notification: { title: "Hello", body: "There" },
      data: { a: "1=2", b: "" },
    });
  });

  it("writes the outcomes as JSON", async () => {
    const phone = createDevice();
    const sent = await cli(["send", "--to", phone.token, "--to", "gone", "--data", "a=1", "--json", ...at.gcm]);
    expect(sent.status).toBe(1);
    expect(sent.json()).toMatchObject([
      {
        outcomes: [
          { kind: "accepted", recipient: phone.token },
          { kind: "unregistered", recipient: "gone" },
        ],
      },
    ]);
  });

  it("says in words what a refusal means and what to do", async () => {
    emulator.faults.next({ error: "mismatch-sender-id" });
    const sent = await cli(["send", "--to", createDevice().token, "--title", "a", ...at.v1]);
    expect(sent.status).toBe(1);
    expect(sent.out).toMatch(
      /^rejected .* mismatch-sender-id: The token belongs to another sender\..*Send with the key/,
    );
  });

  it("ends with status 3 for what was not accepted for now", async () => {
    emulator.faults.next({ error: "unavailable", times: 100 });
    const sent = await cli(["send", "--to", createDevice().token, "--title", "a", "--timeout", "1s", ...at.gcm]);
    expect(sent).toMatchObject({ status: 3, out: expect.stringMatching(/^retryable .* unavailable/) });
  });

  it("takes further fields of a file and of standard input; options go first", async () => {
    const phone = createDevice();
    const fields = JSON.stringify({
      notification: { title: "file", body: "kept" },
      android: { notification: { sound: "x" } },
    });
    const sent = await cli(["send", "--to", phone.token, "--title", "option", "--message", "-", ...at.v1], {
      input: fields,
    });
    expect(sent.status).toBe(0);
    expect(phone.received[0]?.notification).toMatchObject({ title: "option", body: "kept", sound: "x" });
  });

  it("shows the request and what each platform gets, and sends nothing", async () => {
    const before = emulator.inbox.total;
    const apns = { apns: { payload: { aps: { alert: { title: "On iPhones" } } } } };
    const file = await files.file(JSON.stringify(apns), "message.json");
    const shown = await cli([
      "send",
      "--topic",
      "news",
      "--title",
      "Everywhere",
      "--message",
      file,
      "--print",
      "--json",
      ...at.v1,
    ]);
    expect(shown).toMatchObject({ status: 0, err: "" });
    expect(shown.json()).toMatchObject([
      {
        protocol: "v1",
        request: { message: { topic: "news", notification: { title: "Everywhere" } } },
        platforms: {
          android: { notification: { title: "Everywhere" }, priority: "high" },
          ios: { notification: { title: "On iPhones" } },
          web: { notification: { title: "Everywhere" } },
        },
      },
    ]);
    expect(emulator.inbox.total).toBe(before);
  });

  it.each(["gcm", "ccs"])("shows the request of %s", async (protocol) => {
    const shown = await cli([
      "send",
      "--to",
      "tok-of-a-phone",
      "--data",
      "a=1",
      "--print",
      "--json",
      "--protocol",
      protocol,
    ]);
    expect(shown.json()).toMatchObject([
      { request: { data: { a: "1" } }, platforms: { android: { data: { a: "1" } } } },
    ]);
  });
});

describe("mistakes on the command line", () => {
  it.each<[string, string[], RegExp]>([
    ["no recipient", ["send", "--title", "a"], /exactly one of --to/],
    ["two kinds of recipients", ["send", "--to", "a", "--topic", "b"], /exactly one of --to/],
    ["data without =", ["send", "--to", "a", "--data", "x"], /--data must be KEY=VALUE/],
    ["a value out of range", ["send", "--to", "a", "--ttl", "-5"], /--ttl must be a whole number from 0 to 2419200/],
    [
      "a duration without a unit",
      ["send", "--to", "a", "--timeout", "5"],
      /--timeout must be a number with s, m, h or d/,
    ],
    ["a choice that there is not", ["send", "--to", "a", "--priority", "urgent"], /Allowed choices are normal, high/],
    ["an option that there is not", ["send", "--too", "a"], /unknown option '--too'/],
    ["a command that there is not", ["sned"], /unknown command 'sned'/],
    [
      "a message that breaks a rule",
      ["send", "--to", "a", "--data", "from=x", ...["--protocol", "gcm"], ...["--endpoint", "http://127.0.0.1:1"]],
      /server key is needed/,
    ],
    [
      "a file that is not there",
      ["send", "--to", "a", "--message", "nowhere.json"],
      /--message: the file nowhere.json cannot be read \(ENOENT\)/,
    ],
    [
      "no store for a user",
      ["send", "--user", "ada"],
      /--store URL is needed, or the variable CLOUD_MESSAGING_STORE_URL/,
    ],
    ["a store of another kind", ["send", "--user", "ada", "--store", "mysql://a"], /lmdb:, postgres: or redis:/],
  ])("are told with status 2: %s", async (_, args, problem) => {
    const { status, out, err } = await cli(args);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(problem);
  });

  it.each([
    ["an API key", ["send", "--to", "a", "--data", "key=AIzaSyA-EXAMPLE-0000000000000000000000"]],
    ["a server key", ["check", "--api-key-file", `AAAAabcdefg:${"APA91b".repeat(8)}`]],
    ["a private key", ["check", "--credential", "-----BEGIN PRIVATE KEY-----\nMIIE"]],
    ["an access token", ["send", "--message=ya29.a0AfH6SMB"]],
    ["a URL with a password", ["send", "--user", "ada", "--store", "postgres://app:hunter2@db/push"]],
    ["a URL with a password", ["send", "--user", "ada", "--store=redis://:hunter2@db"]],
    ["a URL with a password", ["send", "--user", "ada", "--store", "postgres://app:hunter2/x@db/push"]],
    ["a URL with a password", ["send", "--user", "ada", "--store", "postgres://db/push?user=a&password=hunter2"]],
  ])("are refused where an argument holds %s, which is not repeated", async (secret, args) => {
    const { status, err } = await cli(args);
    expect(status).toBe(2);
    expect(err).toContain(`holds ${secret}`);
    expect(err).not.toMatch(/hunter2|AIzaSy|APA91b|MIIE|a0AfH/);
  });

  it("are not seen in a registration token", async () => {
    const token = `dAAAAbcdefgAAAA-AAAA11:APA91b${"xY_-".repeat(30)}`;
    const { status } = await cli([
      "send",
      "--to",
      token,
      "--data",
      "url=https://example.com:8080/a@b",
      "--print",
      "--json",
    ]);
    expect(status).toBe(0);
  });
});
