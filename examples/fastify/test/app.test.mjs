// Without a port: Fastify injects the requests. The service as a process is tested in test/conformance/registrations-service.test.ts.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { startEmulator } from "@cloud-messaging/emulator";
import { createMemoryRegistrationStore } from "@cloud-messaging/http-sender";
import { createApp } from "../app.mjs";
import { createSessions } from "../sessions.mjs";

describe("the service", () => {
  const sessions = createSessions();
  let emulator;
  let app;
  beforeEach(async () => {
    emulator = await startEmulator();
    const registrations = createMemoryRegistrationStore();
    app = await createApp({ ...emulator.fcmOptions(), registrations }, sessions);
  });
  afterEach(async () => {
    await app.close();
    await emulator.close();
  });

  const call = (method, url, bearer, payload) =>
    app.inject({ method, url, payload, headers: { authorization: `Bearer ${bearer}` } });
  const register = (token) => call("PUT", "/registrations", sessions.sessionOf("ada"), { token });
  const send = () => call("POST", "/messages", sessions.serviceKey, { userId: "ada", data: { score: "5:1" } });
  const health = () => app.inject("/health");

  it("sends to the devices of a user", async () => {
    const phone = emulator.createDevice();
    assert.equal((await register(phone.token)).statusCode, 204);
    assert.deepEqual((await send()).json(), { outcomes: [{ kind: "accepted" }] });
    assert.deepEqual(
      phone.received.map(({ data }) => data),
      [{ score: "5:1" }],
    );
  });

  it("is healthy until the credentials are refused, and says why it is not", async () => {
    await register(emulator.createDevice().token);
    assert.equal((await health()).statusCode, 200);
    emulator.fcm.revokeServiceAccounts();
    await send();
    const { statusCode, body } = await health();
    assert.equal(statusCode, 503);
    assert.match(body, /credentials are refused/);
    assert.match(body, /"registrations":1/);
  });

  it("answers the request under way before it closes its sender", async () => {
    await register(emulator.createDevice().token);
    await app.listen({ port: 0, host: "127.0.0.1" });
    emulator.faults.http({ kind: "slow", delayMs: 300, endpoint: "fcm-v1" });
    const answer = fetch(`http://127.0.0.1:${app.server.address().port}/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${sessions.serviceKey}`, "content-type": "application/json" },
      body: JSON.stringify({ userId: "ada", data: { n: "1" } }),
    });
    await emulator.inbox.waitFor(({ id }) => id > 0);
    await app.close();
    assert.deepEqual(await (await answer).json(), { outcomes: [{ kind: "accepted" }] });
    assert.equal(app.push.health().reason, "the sender is closed");
  });
});
