import { generateKeyPairSync } from "node:crypto";
import { startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";
import { nodeFrom, start, startRedirected, temporaryFile } from "./foreign-program.ts";

/** Calls `messaging` of firebase-admin with a throw-away service account; its answers in order. */
async function callFirebase(
  emulator: Awaited<ReturnType<typeof startEmulator>>,
  library: string,
  node: string,
  calls: readonly (readonly [method: string, ...args: unknown[]])[],
  key: object = emulator.fcm.serviceAccount(),
): Promise<readonly unknown[]> {
  const account = temporaryFile("service-account.json", JSON.stringify(key));
  const program = startRedirected(emulator, "firebase-admin.cjs", [library, account, JSON.stringify(calls)], node);
  const { status, lines, err } = await program.ended;
  if (status !== 0) throw new Error(`firebase-admin ended with ${status}: ${err}`);
  return lines;
}

describe.each([
  ["firebase-admin-11", "11.11.1", 18],
  ["firebase-admin-12", "12.7.0", 18],
  ["firebase-admin", "13.10.0", 18],
  ["firebase-admin-14", "14.5.1", 22],
])("%s (%s), unmodified, through the redirect", (library, _version, fromNode) => {
  const node = nodeFrom(fromNode);
  if (node === undefined)
    console.warn(`Skipped: ${library}. It needs Node ${fromNode}: npm run test:interop installs one`);

  it.runIf(node !== undefined || process.env["CI"] !== undefined)(
    "gets a token for its service account, and sends to a token, a topic and a condition",
    async () => {
      await using emulator = await startEmulator();
      const phone = emulator.createDevice();
      phone.subscribe("news");
      const name = expect.stringMatching(new RegExp(`^projects/${emulator.fcm.projectId}/messages/`));
      expect(
        await callFirebase(emulator, library, node ?? "", [
          ["send", { token: phone.token, data: { text: "Grüße & 😀" }, notification: { title: "Hi" } }],
          ["send", { topic: "news", data: { n: "2" } }],
          ["send", { condition: "'news' in topics && !('quiet' in topics)", data: { n: "3" } }],
          ["send", { token: phone.token, data: { n: "4" } }, true],
        ]),
      ).toEqual([{ value: name }, { value: name }, { value: name }, { value: expect.any(String) }]);
      expect(phone.received.map(({ data }) => data)).toEqual([{ text: "Grüße & 😀" }, { n: "2" }, { n: "3" }]);
      expect(phone.received[0]?.notification).toMatchObject({ title: "Hi" });
      expect(emulator.fcm.tokensIssued).toBe(1);
      expect(emulator.inbox.latest()?.state).toBe("validated");
    },
  );

  it.runIf(node !== undefined || process.env["CI"] !== undefined)(
    "sends lists, with one result per message",
    async () => {
      await using emulator = await startEmulator();
      const [one, two, gone] = [emulator.createDevice(), emulator.createDevice(), emulator.createDevice()];
      gone.unregister();
      const answers = await callFirebase(emulator, library, node ?? "", [
        ["sendEach", [one, gone, two].map(({ token }, n) => ({ token, data: { n: String(n) } }))],
        ["sendEachForMulticast", { tokens: [one.token, two.token], notification: { title: "Both" } }],
      ]);
      expect(answers).toMatchObject([
        {
          value: {
            successCount: 2,
            failureCount: 1,
            responses: [
              { success: true },
              { success: false, error: { code: "messaging/registration-token-not-registered" } },
              { success: true },
            ],
          },
        },
        { value: { successCount: 2, failureCount: 0 } },
      ]);
      expect(one.received.map(({ data, notification }) => [data, notification?.["title"]])).toEqual([
        [{ n: "0" }, undefined],
        [{}, "Both"],
      ]);
    },
  );

  it.runIf(node !== undefined || process.env["CI"] !== undefined)(
    "subscribes to topics and hears of errors by name",
    async () => {
      await using emulator = await startEmulator();
      const phone = emulator.createDevice();
      const stranger = emulator.createDevice({ senderId: "42" });
      const gone = emulator.createDevice();
      gone.unregister();
      emulator.faults.next({ token: phone.token, error: "quota-exceeded", times: 1 });
      const answers = await callFirebase(emulator, library, node ?? "", [
        ["subscribeToTopic", [phone.token, gone.token], "news"],
        ["send", { topic: "news", data: { n: "1" } }],
        ["unsubscribeFromTopic", phone.token, "news"],
        ["send", { token: gone.token, data: { n: "2" } }],
        ["send", { token: "ABC", data: { n: "3" } }],
        ["send", { token: phone.token, data: { n: "4" } }],
        ["send", { token: phone.token, data: { n: "x".repeat(5000) } }],
      ]);
      expect(answers).toMatchObject([
        { value: { successCount: 1, failureCount: 1, errors: [{ index: 1 }] } },
        { value: expect.any(String) },
        { value: { successCount: 1, failureCount: 0 } },
        { error: "messaging/registration-token-not-registered" },
        { error: expect.stringMatching(/invalid/) },
        { error: "messaging/message-rate-exceeded" },
        { error: expect.stringMatching(/invalid|payload/) },
      ]);
      expect(phone.topics).toEqual([]);
      expect(phone.received.map(({ data }) => data)).toEqual([{ n: "1" }]);
      expect(stranger.received).toEqual([]);
    },
  );
});

describe("firebase-admin with a service account of the user's own", () => {
  it("gets a token and sends, as with any API key", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const key = {
      type: "service_account",
      project_id: "of-mine",
      private_key: privateKey,
      client_email: "sender@of-mine.iam.gserviceaccount.com",
      token_uri: "https://oauth2.googleapis.com/token",
    };
    const call = ["send", { token: phone.token, data: { n: "1" } }] as const;
    expect(await callFirebase(emulator, "firebase-admin", process.execPath, [call], key)).toEqual([
      { value: expect.stringMatching(/^projects\/of-mine\/messages\//) },
    ]);
    expect(emulator.fcm.tokensIssued).toBe(1);
    emulator.fcm.acceptForeignTokens = false;
    expect(await callFirebase(emulator, "firebase-admin", process.execPath, [call], key)).toEqual([
      { error: expect.stringContaining("credential") },
    ]);
    expect(phone.received).toHaveLength(1);
  });
});

describe("@googleapis/fcm, by its rootUrl", () => {
  it("sends, and reads an error's code", async () => {
    await using emulator = await startEmulator();
    const [phone, gone] = [emulator.createDevice(), emulator.createDevice()];
    gone.unregister();
    const messages = [{ token: phone.token, data: { n: "1" } }, { token: gone.token }];
    const { lines, status } = await start(process.execPath, [
      "programs/googleapis-fcm.cjs",
      `${emulator.httpUrl}/`,
      JSON.stringify(messages),
    ]).ended;
    expect({ lines, status }).toEqual({
      lines: [
        { value: { name: expect.stringMatching(/^projects\/any\/messages\//) } },
        { error: "UNREGISTERED", status: 404 },
      ],
      status: 0,
    });
    expect(phone.received.map(({ data }) => data)).toEqual([{ n: "1" }]);
  });
});
