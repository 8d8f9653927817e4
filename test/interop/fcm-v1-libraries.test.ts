import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";
import { runRedirected, temporaryFile } from "./foreign-program.ts";

/** Runs a program of `programs/` with the emulator's service account and an input; the line it printed. */
function run<T>(emulator: Emulator, program: string, input: object): Promise<T> {
  const account = temporaryFile("service-account.json", JSON.stringify(emulator.fcm.serviceAccount()));
  return runRedirected<T>(emulator, program, [account, JSON.stringify(input)]);
}

describe("fcm-v1-http2, unmodified, through the redirect", () => {
  it("gets a token, and sends over two HTTP/2 connections; the dead tokens are told", async () => {
    await using emulator = await startEmulator();
    const phones = Array.from({ length: 12 }, () => emulator.createDevice());
    const gone = emulator.createDevice();
    gone.unregister();
    const tokens = [...phones, gone].map(({ token }) => token);
    const message = { data: { text: "Grüße & 😀" }, notification: { title: "Hi" } };
    expect(await run(emulator, "fcm-v1-http2.cjs", { message, tokens })).toEqual({ unregistered: [gone.token] });
    for (const { received } of phones) {
      expect(received).toMatchObject([{ data: { text: "Grüße & 😀" }, notification: { title: "Hi" } }]);
    }
    expect(emulator.fcm.tokensIssued).toBe(1);
  });

  it("hears that a token is malformed", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    const { unregistered } = await run<{ unregistered: string[] }>(emulator, "fcm-v1-http2.cjs", {
      message: { data: { n: "1" } },
      tokens: ["ABC", phone.token],
    });
    expect(unregistered).toEqual(["ABC"]);
    expect(phone.received).toHaveLength(1);
  });
});

describe("node-pushnotifications, unmodified, through the redirect", () => {
  it("sends to a list over FCM HTTP v1, with one result per token", async () => {
    await using emulator = await startEmulator();
    const [one, gone, two] = [emulator.createDevice(), emulator.createDevice(), emulator.createDevice()];
    gone.unregister();
    const tokens = [one, gone, two].map(({ token }) => token);
    const data = { title: "Hi", body: "there", custom: { n: "1" } };
    const results = await run<unknown[]>(emulator, "node-pushnotifications.cjs", { data, tokens });
    expect(results).toMatchObject([
      {
        method: "fcm",
        success: 2,
        failure: 1,
        message: [
          { regId: one.token, errorMsg: null },
          { regId: gone.token, errorMsg: expect.stringContaining("not found") },
          { regId: two.token, errorMsg: null },
        ],
      },
    ]);
    expect([one, two].map(({ received }) => received.length)).toEqual([1, 1]);
    expect(one.received[0]?.notification).toMatchObject({ title: "Hi", body: "there" });
  });
});

describe("fcm-cloudflare-workers, unmodified, through the redirect", () => {
  it("sends by fetch, to a token, a list, a topic and a condition", async () => {
    await using emulator = await startEmulator();
    const [one, two] = [emulator.createDevice(), emulator.createDevice()];
    one.subscribe("news");
    const message = (n: string) => ({ data: { n } });
    expect(
      await run(emulator, "fcm-cloudflare-workers.cjs", [
        ["sendToToken", message("1"), one.token],
        ["sendToTokens", message("2"), [one.token, two.token]],
        ["sendToTopic", message("3"), "news"],
        ["sendToCondition", message("4"), "'news' in topics"],
        ["sendToToken", message("5"), "ABC"],
      ]),
    ).toEqual([
      { value: null },
      { value: [] },
      { value: null },
      { value: null },
      { error: "The provided registration token is not registered with FCM" },
    ]);
    expect(one.received.map(({ data }) => data["n"])).toEqual(["1", "2", "3", "4"]);
    expect(two.received.map(({ data }) => data["n"])).toEqual(["2"]);
  });
});
