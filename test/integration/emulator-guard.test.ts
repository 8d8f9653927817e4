import { request } from "node:http";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

function ask(
  emulator: Emulator,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<number | undefined> {
  const { hostname, port } = new URL(emulator.httpUrl);
  return new Promise((resolve, reject) => {
    request({ host: hostname, port, path, method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

/** One endpoint of each kind, with what it answers when the request is let through. */
const ENDPOINTS = [
  ["the control API", "GET", "/emulator/v1/stats", 200],
  ["the inbox page", "GET", "/", 200],
  ["GCM HTTP", "POST", "/fcm/send", 401],
  ["FCM v1", "POST", "/v1/projects/p/messages:send", 401],
  ["the token endpoint", "POST", "/token", 400],
  ["Instance ID", "GET", "/iid/info/token", 401],
  ["device groups", "GET", "/gcm/notification", 401],
  ["topic subscriptions", "GET", "/v1/projects/p/registrations/r/topicSubscriptions", 401],
] as const;

describe.each(ENDPOINTS)("%s", (_name, method, path, through) => {
  it.each([
    ["an address", { host: "192.0.2.7:8095" }],
    ["an IPv6 address", { host: "[2001:db8::1]:8095" }],
    ["loopback by name", { host: "localhost:8095" }],
    ["a name below localhost", { host: "app.localhost" }],
    ["a configured name", { host: "Push.Example.com" }],
    ["a name that a configured wildcard covers", { host: "a.dev.example.com" }],
    ["its own origin", { host: "localhost:8095", origin: "http://localhost:8095" }],
    ["a request of its own page", { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }],
  ])("lets %s through", async (_what, headers) => {
    await using emulator = await startEmulator({ certificateNames: ["push.example.com", "*.dev.example.com"] });
    expect(await ask(emulator, method, path, headers)).toBe(through);
  });

  it.each([
    ["a name of another site", { host: "evil.example" }],
    ["a name of mDNS", { host: "printer.local" }],
    ["an internal name", { host: "metadata.google.internal" }],
    ["a test name", { host: "app.test" }],
    ["a one-label name", { host: "emulator" }],
    ["a name two levels below a wildcard", { host: "a.b.dev.example.com" }],
    ["the name itself below which a wildcard is", { host: "dev.example.com" }],
    ["another site's origin", { origin: "https://evil.example" }],
    ["an opaque origin", { origin: "null" }],
    ["the origin of another port", { host: "localhost:8095", origin: "http://localhost:3000" }],
    ["an image of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
    ["a script of a sister site", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }],
  ])("refuses %s with 403", async (_what, headers) => {
    await using emulator = await startEmulator({ certificateNames: ["push.example.com", "*.dev.example.com"] });
    expect(await ask(emulator, method, path, headers)).toBe(403);
  });
});

describe("navigation from another site", () => {
  const navigation = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };

  it("reaches what a link can lead to, and changes nothing", async () => {
    await using emulator = await startEmulator();
    emulator.createDevice();
    expect(await ask(emulator, "GET", "/", navigation)).toBe(200);
    expect(await ask(emulator, "GET", "/emulator/v1/stats", navigation)).toBe(200);
    expect(await ask(emulator, "POST", "/emulator/v1/reset", navigation)).toBe(403);
    expect(await ask(emulator, "DELETE", "/emulator/v1/messages", navigation)).toBe(403);
    expect(await ask(emulator, "GET", "/iid/info/token", navigation)).toBe(403);
    expect(await ask(emulator, "POST", "/token", navigation)).toBe(403);
    expect(emulator.devices).toHaveLength(1);
  });
});

describe("Google's names", () => {
  it("reach the endpoints that they have, and neither the control API nor the page", async () => {
    await using emulator = await startEmulator();
    expect(await ask(emulator, "POST", "/fcm/send", { host: "fcm.googleapis.com" })).toBe(401);
    expect(await ask(emulator, "POST", "/fcm/send", { host: "FCM.googleapis.com.:443" })).toBe(401);
    expect(await ask(emulator, "GET", "/iid/info/t", { host: "iid.googleapis.com" })).toBe(401);
    for (const host of ["accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com"]) {
      for (const path of ["/token", "/o/oauth2/token", "/oauth2/v3/token", "/oauth2/v4/token"]) {
        expect(await ask(emulator, "POST", path, { host }), `${host}${path}`).toBe(400);
      }
    }
    expect(await ask(emulator, "GET", "/emulator/v1/stats", { host: "fcm.googleapis.com" })).toBe(404);
    expect(await ask(emulator, "GET", "/", { host: "fcm.googleapis.com" })).toBe(404);
    expect(await ask(emulator, "GET", "/", { host: "fcm.googleapis.com." })).toBe(404);
    expect(await ask(emulator, "POST", "/v1/token", { host: "sts.googleapis.com" })).toBe(404);
  });
});
