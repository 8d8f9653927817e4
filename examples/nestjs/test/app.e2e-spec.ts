import type { CcsClient } from "@cloud-messaging/ccs-client";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import type { INestApplication } from "@nestjs/common";
import { Test } from "@nestjs/testing";
import request from "supertest";
import { AppModule } from "../src/app.module";
import { PUSH_OPTIONS } from "../src/push/push.options";
import { CCS_CLIENT } from "../src/push/push.tokens";

describe("the application", () => {
  let emulator: Emulator;
  let app: INestApplication;
  beforeEach(async () => {
    emulator = await startEmulator();
    const options = { fcm: emulator.fcmOptions(), ccs: emulator.ccsOptions() };
    const testing = Test.createTestingModule({ imports: [AppModule] });
    const module = await testing.overrideProvider(PUSH_OPTIONS).useValue(options).compile();
    app = await module.createNestApplication({ logger: false }).init();
  });
  afterEach(async () => {
    await app?.close();
    await emulator.close();
  });

  const ready = () => app.get<CcsClient>(CCS_CLIENT).ready();
  const post = (body: object) => request(app.getHttpServer()).post("/messages").send(body);
  const health = () => request(app.getHttpServer()).get("/health");

  it("sends with the injected sender", async () => {
    const phone = emulator.createDevice();
    const { status, body } = await post({ token: phone.token, notification: { title: "Hello" } });
    expect([status, body]).toEqual([200, { kind: "accepted" }]);
    expect(phone.received).toMatchObject([{ notification: { title: "Hello" } }]);
  });

  it("tells the caller which field of a message is wrong, and sends to nobody but the token", async () => {
    const { status, body } = await post({ token: "a", notification: { title: 7 } });
    expect([status, body.message]).toEqual([400, expect.stringContaining("notification.title")]);
    const phone = emulator.createDevice();
    phone.subscribe("news");
    await post({ token: "somebody-else", target: { topic: "news" }, data: { n: "1" } });
    expect(phone.received).toEqual([]);
  });

  it("confirms an order that an app has sent upstream", async () => {
    const phone = emulator.createDevice();
    await phone.sendUpstream({ order: "coffee" }).acked;
    expect(phone.received).toMatchObject([{ data: { confirmed: "coffee" } }]);
  });

  it("loses no order while CCS drains its connection, confirms each once, and stays healthy", async () => {
    await ready();
    emulator.faults.drainAfter({ messages: 2 });
    const phone = emulator.createDevice();
    const orders = Array.from({ length: 10 }, (_, n) => String(n));
    await Promise.all(orders.map((order) => phone.sendUpstream({ order }).acked));
    expect(phone.received.map(({ data }) => data?.["confirmed"]).sort()).toEqual(orders);
    const online = await emulator.ccs.waitForConnections(1);
    expect(online.some(({ id }) => id > 1)).toBe(true);
    expect((await health()).status).toBe(200);
  });

  it("is not healthy before CCS is connected or while the credentials are refused, and says why", async () => {
    await ready();
    expect((await health()).body.info).toEqual({
      fcm: { status: "up", backlog: 0 },
      ccs: { status: "up", backlog: 0 },
    });
    emulator.fcm.expireTokens();
    emulator.fcm.revokeServiceAccounts();
    expect((await post({ token: "a" })).body).toMatchObject({ code: "authentication-failed" });
    const { status, body } = await health();
    expect([status, body.error.fcm.reason]).toEqual([503, expect.stringContaining("credentials are refused")]);
  });

  it("answers the request under way before it closes its senders", async () => {
    const phone = emulator.createDevice();
    await app.listen(0, "127.0.0.1");
    // one is for the check of the credentials, which may be under way
    emulator.faults.http({ kind: "slow", delayMs: 300, times: 2, endpoint: "fcm-v1" });
    const answer = post({ token: phone.token, data: { n: "1" } }).then(({ body }) => body);
    await emulator.inbox.waitFor(({ dryRun }) => !dryRun);
    await app.close();
    expect(await answer).toEqual({ kind: "accepted" });
    expect(app.get<CcsClient>(CCS_CLIENT).health().reason).toBe("the sender is closed");
  });
});
