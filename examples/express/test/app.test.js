const { startEmulator } = require("@cloud-messaging/emulator");
const { createFcmSender } = require("@cloud-messaging/http-sender");
const request = require("supertest");
const { createApp } = require("../app.js");

describe("the application", () => {
  let emulator;
  let sender;
  let app;
  beforeEach(async () => {
    emulator = await startEmulator();
    sender = createFcmSender(emulator.fcmOptions());
    app = createApp(sender);
  });
  afterEach(async () => {
    await sender.close();
    await emulator.close();
  });

  test("sends a message", async () => {
    const phone = emulator.createDevice();
    const { status, body } = await request(app)
      .post("/messages")
      .send({ token: phone.token, data: { score: "5:1" } });
    expect([status, body]).toEqual([200, { kind: "accepted" }]);
    expect(phone.received).toMatchObject([{ data: { score: "5:1" } }]);
  });

  test.each([
    ["no JSON", "{", 400],
    ["no token", '{"data":{}}', 400],
    ["a field of another type", '{"token":"a","data":{"n":{}}}', 400],
    ["an array", "[]", 400],
    ["too much", JSON.stringify({ token: "a", data: { n: "x".repeat(20_000) } }), 413],
  ])("answers a body with %s as the caller's mistake", async (_, body, status) => {
    const answer = await request(app).post("/messages").type("json").send(body);
    expect([answer.status, typeof answer.body.error]).toEqual([status, "string"]);
    expect(emulator.inbox.total).toBe(0);
  });

  test("is healthy until the credentials are refused", async () => {
    expect((await request(app).get("/health")).status).toBe(200);
    emulator.fcm.revokeServiceAccounts();
    await request(app).post("/messages").send({ token: "a" });
    const { status, body } = await request(app).get("/health");
    expect([status, body.reason]).toEqual([503, expect.stringContaining("credentials are refused")]);
  });
});
