import { createMemoryRegistrationStore, type DownstreamMessageInput, type MessageContent } from "@cloud-messaging/core";
import { createFcmSender } from "@cloud-messaging/http-sender";
import * as gcm from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it } from "vitest";
import { acceptV1, startV1Server, type V1Step, v1Error } from "../support/fcm-v1-server.ts";

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const BAD_TOKEN = v1Error(400, "INVALID_ARGUMENT", {
  errorCode: "INVALID_ARGUMENT",
  message: "The registration token is not a valid FCM registration token",
});

/** FCM as its page on priorities has it, in the words that people report: an iPhone is refused a data message of priority 10. */
const likeFcm: V1Step = (exchange) => {
  const { message } = JSON.parse(exchange.request.body) as {
    message: {
      token: string;
      notification?: object;
      apns?: { headers?: Record<string, string>; payload?: { aps?: object } };
    };
  };
  const { alert, badge, sound } = (message.apns?.payload?.aps ?? {}) as Record<string, unknown>;
  const shows = message.notification !== undefined || [alert, badge, sound].some((part) => part !== undefined);
  const refused = message.token.startsWith("iphone") && !shows && message.apns?.headers?.["apns-priority"] === "10";
  (refused ? BAD_TOKEN : acceptV1)(exchange);
};

async function aUserWith(tokens: readonly string[], otherwise: V1Step) {
  const server = await startV1Server();
  cleanups.push(() => server.close());
  server.otherwise = otherwise;
  const registrations = createMemoryRegistrationStore();
  for (const token of tokens) registrations.register("ada", token);
  const changes: string[] = [];
  registrations.onChange((change) => changes.push(`${change.type} ${"token" in change ? change.token : ""}`));
  const sender = createFcmSender({
    endpoint: server.origin,
    tls: { ca: server.ca },
    projectId: "demo",
    credential: async () => "ya29.EXAMPLE",
    retry: false,
    registrations,
  });
  cleanups.push(() => sender.close());
  const left = () => registrations.registrationsOf("ada").map(({ token }) => token);
  return { server, sender, left, changes };
}

describe("a user with a phone of each make", () => {
  it("gets data of high priority on both, and keeps both registrations", async () => {
    const { server, sender, left } = await aUserWith(["pixel-1", "iphone-1"], likeFcm);
    for (const message of [
      { data: { call: "42" }, priority: "high" },
      { data: { call: "42" }, priority: "high", contentAvailable: true },
      { android: { notification: { title: "t" } }, priority: "high" },
    ] satisfies MessageContent[]) {
      const { outcomes } = await sender.sendToUser("ada", message);
      expect(outcomes.map(({ kind }) => kind)).toEqual(["accepted", "accepted"]);
    }
    expect(left()).toEqual(["pixel-1", "iphone-1"]);
    const { message } = JSON.parse(server.requests[0]?.body ?? "") as { message: { android: { priority: string } } };
    expect(message.android.priority).toBe("HIGH");
  });

  it("keeps the registration that is refused for a header of the caller's own, and hears that it is suspect", async () => {
    const { sender, left, changes } = await aUserWith(["pixel-1", "iphone-1"], likeFcm);
    const { outcomes } = await sender.sendToUser("ada", {
      data: { call: "42" },
      apns: { headers: { "apns-priority": "10" } },
    });
    expect(outcomes).toMatchObject([{ kind: "accepted" }, { kind: "rejected", code: "suspect-registration" }]);
    expect(left()).toEqual(["pixel-1", "iphone-1"]);
    expect(changes).toEqual(["suspect iphone-1"]);
  });

  it("loses a registration whose token nothing but the token can explain", async () => {
    const { sender, left, changes } = await aUserWith(["cut-off", "pixel-1"], (exchange) =>
      (exchange.request.body.includes("cut-off") ? BAD_TOKEN : acceptV1)(exchange),
    );
    await sender.sendToUser("ada", { data: { n: "1" }, priority: "high" });
    expect(left()).toEqual(["pixel-1"]);
    expect(changes).toEqual(["removed cut-off"]);
  });

  it.each<[string, Omit<DownstreamMessageInput, "target">]>([
    ["over its size", { data: { n: "x".repeat(4_000) } }],
    ["with a payload of the caller's own", { apns: { payload: { aps: { alert: "x" } } } }],
    ["with a call", { apns: { headers: { "apns-push-type": "voip" }, payload: { aps: {} } } }],
  ])("keeps every registration when a message is refused that may be at fault: %s", async (_name, message) => {
    const { sender, left } = await aUserWith(["pixel-1"], BAD_TOKEN);
    const { outcomes } = await sender.sendToUser("ada", message);
    expect(outcomes).toMatchObject([{ kind: "rejected", code: "suspect-registration", service: { status: 400 } }]);
    expect(left()).toEqual(["pixel-1"]);
  });

  it("is not told by the façade of node-gcm that a token is invalid, on which programs delete it", async () => {
    const { server } = await aUserWith([], BAD_TOKEN);
    const sender = new gcm.Sender(async () => "ya29.EXAMPLE", {
      projectId: "demo",
      endpoint: server.origin,
      tls: { ca: server.ca },
    });
    cleanups.push(() => sender.close());
    const answerTo = async (message: gcm.Message) => (await sender.send(message, "iphone-1", 0)).results;
    const plain = new gcm.Message({ data: { n: "1" } });
    const withPackage = new gcm.Message({ data: { n: "1" }, restrictedPackageName: "com.example.app" });
    expect(await answerTo(withPackage)).toEqual([{ error: "InvalidParameters" }]);
    expect(await answerTo(plain)).toEqual([{ error: "InvalidRegistration" }]);
  });

  it("loses a registration that APNs says is gone, whatever else is in the message", async () => {
    const gone = {
      "@type": "type.googleapis.com/google.firebase.fcm.v1.ApnsError",
      statusCode: 410,
      reason: "Unregistered",
    };
    const { sender, left } = await aUserWith(
      ["iphone-1"],
      v1Error(400, "INVALID_ARGUMENT", {
        errorCode: "INVALID_ARGUMENT",
        message: "APNs device token is disabled.",
        details: [gone],
      }),
    );
    const { outcomes } = await sender.sendToUser("ada", { apns: { payload: { aps: { alert: "x" } } } });
    expect(outcomes).toMatchObject([{ kind: "unregistered", code: "not-registered" }]);
    expect(left()).toEqual([]);
  });
});
