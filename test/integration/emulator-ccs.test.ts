import { createManualClock } from "@cloud-messaging/core";
import { ERROR_CODES } from "@cloud-messaging/core/transport";
import { startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";
import { CcsPeer } from "./emulator-ccs-peer.ts";

describe("login to CCS", () => {
  it("offers PLAIN beside the live service's mechanisms, logs in and binds a longer resource than asked for", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.connect(emulator.ccsOptions());
    peer.open();
    expect(await peer.until("</stream:features>")).toContain(
      "<mechanism>X-OAUTH2</mechanism><mechanism>X-GOOGLE-TOKEN</mechanism><mechanism>PLAIN</mechanism>",
    );
    peer.auth("1234567890@gcm.googleapis.com", "any-key");
    await peer.until("<success");
    peer.open();
    await peer.until('<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>');
    peer.write(
      '<iq type="set" id="b1"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>app1</resource></bind></iq>',
    );
    expect(await peer.until("</iq>")).toMatch(/<jid>1234567890@gcm.googleapis.com\/app1[0-9A-F]{8}<\/jid>/);
    expect((await emulator.ccs.waitForConnections(1))[0]).toMatchObject({ phase: "online", senderId: "1234567890" });
  });

  it.each([
    ["a sender ID with a slash", "1234567890/app", "key"],
    ["another domain", "1234567890@example.com", "key"],
    ["an empty name", "", "key"],
    ["a key of another sender, with the bare sender ID", "222", "key-111"],
    ["the dialled host's domain", "1234567890@gcm-xmpp.googleapis.com", "key"],
    ["a sender that is not digits", "abc@gcm.googleapis.com", "key"],
    ["a key that is not on the list", "1234567890@gcm.googleapis.com", "other"],
    ["a key of another sender", "222@gcm.googleapis.com", "key-111"],
  ])("refuses %s with not-authorized and ends the stream", async (_what, name, password) => {
    await using emulator = await startEmulator({ apiKeys: ["key", { key: "key-111", senderId: "111" }] });
    await using peer = await CcsPeer.connect(emulator.ccsOptions());
    peer.open();
    await peer.until("</stream:features>");
    peer.auth(name, password);
    await peer.until("<not-authorized/></failure>");
    await peer.until("</stream:stream>");
    await peer.ended();
    expect(emulator.stats.failedLogins).toBe(1);
  });

  it.each(["1234567890", "1234567890@gcm.googleapis.com", "1234567890@fcm.googleapis.com"])(
    "takes %s as the login name and serves the connection under its sender ID",
    async (name) => {
      await using emulator = await startEmulator({ apiKeys: [{ key: "key", senderId: "1234567890" }] });
      const phone = emulator.createDevice();
      await using peer = await CcsPeer.connect(emulator.ccsOptions());
      peer.open();
      await peer.until("</stream:features>");
      peer.auth(name, "key");
      await peer.until("<success");
      peer.open();
      await peer.until("</stream:features>");
      peer.write('<iq type="set" id="b1"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>');
      expect(await peer.until("</iq>")).toContain("<jid>1234567890@gcm.googleapis.com/");
      peer.gcm({ to: phone.token, message_id: "m1" });
      expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m1" });
      expect(emulator.ccs.connections[0]?.senderId).toBe("1234567890");
    },
  );

  it("takes an access token by X-OAUTH2, and no token of ClientLogin, which nobody gives out any more", async () => {
    await using emulator = await startEmulator();
    const login = async (mechanism: string, secret: string): Promise<string> => {
      await using peer = await CcsPeer.connect(emulator.ccsOptions());
      peer.open();
      await peer.until("</stream:features>");
      peer.authBy(mechanism, "1234567890@gcm.googleapis.com", secret);
      const answer = await peer.until(">");
      return answer.startsWith("<success") ? "success" : ((await peer.until("/>")).match(/<([a-z-]+)/)?.[1] ?? "");
    };
    expect(await login("X-OAUTH2", "ya29.from-elsewhere")).toBe("success");
    emulator.fcm.acceptForeignTokens = false;
    expect(await login("X-OAUTH2", "ya29.from-elsewhere")).toBe("not-authorized");
    expect(await login("X-GOOGLE-TOKEN", "DQAAAL")).toBe("not-authorized");
    expect(await login("SCRAM-SHA-1", "x")).toBe("invalid-mechanism");
  });

  it("refuses to bind more connections of a sender than it may have, and takes one again when another has ended", async () => {
    await using emulator = await startEmulator({ ccs: { maxConnectionsPerSender: 1 } });
    const one = await CcsPeer.login(emulator.ccsOptions());
    await using other = await CcsPeer.login({ ...emulator.ccsOptions(), senderId: "222" });
    await using refused = await CcsPeer.login(emulator.ccsOptions());
    expect(refused.text).toMatch(/<iq [^>]*id="b1" type="error"><error type="wait"><resource-constraint/);
    await refused.ended();
    expect(emulator.ccs.connections).toHaveLength(2);
    await one[Symbol.asyncDispose]();
    await new Promise<void>((resolve) => {
      if (emulator.ccs.connections.length === 1) resolve();
      emulator.events.subscribe((event) => {
        if (event.type === "connection" && event.change === "closed") resolve();
      });
    });
    await using again = await CcsPeer.login(emulator.ccsOptions());
    expect([other, again].map(({ text }) => text.includes("<jid>"))).toEqual([true, true]);
  });

  it("refuses to bind more new connections of a sender than it may make in a minute", async () => {
    const clock = createManualClock();
    await using emulator = await startEmulator({ clock, ccs: { newConnectionsPerMinute: 2 } });
    const bound = async (): Promise<boolean> => {
      await using peer = await CcsPeer.login(emulator.ccsOptions());
      return peer.text.includes("<jid>");
    };
    expect([await bound(), await bound(), await bound()]).toEqual([true, true, false]);
    await clock.advance(60_000);
    expect(await bound()).toBe(true);
  });

  it("accepts the FCM domain", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.connect(emulator.ccsOptions());
    peer.open();
    await peer.until("</stream:features>");
    peer.auth("1234567890@fcm.googleapis.com", "key");
    await peer.until("<success");
  });

  it("answers pings, sessions and unknown requests", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.write('<iq type="set" id="s1"><session xmlns="urn:ietf:params:xml:ns:xmpp-session"/></iq>');
    expect(await peer.until("/>")).toMatch(/id="s1" type="result"/);
    peer.write('<iq type="get" id="p1"><ping xmlns="urn:xmpp:ping"/></iq>');
    expect(await peer.until("/>")).toMatch(/id="p1" type="result"/);
    peer.write('<iq type="get" id="r1"><query xmlns="jabber:iq:roster"/></iq>');
    expect(await peer.until("</iq>")).toMatch(/id="r1" type="error".*<service-unavailable/);
  });

  it("fails logins as scripted", async () => {
    await using emulator = await startEmulator();
    emulator.faults.login({ kind: "temporary-auth-failure" });
    await expect(CcsPeer.login(emulator.ccsOptions())).rejects.toThrow(/temporary-auth-failure/);
    emulator.faults.login({ kind: "refuse" });
    await expect(CcsPeer.connect(emulator.ccsOptions())).rejects.toThrow();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    expect(peer.closed).toBe(false);
  });
});

describe("downstream over CCS", () => {
  it("acks in the live service's form, and names the canonical ID of a superseded token", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    const old = device.token;
    device.reregister();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: old, message_id: "m-1", data: { n: "3", e: "<&>é😀" } });
    expect(await peer.until("</message>")).toBe(
      `<message><data:gcm xmlns:data="google:mobile:data">{"message_type":"ack","from":"${old}","message_id":"m-1","registration_id":"${device.token}"}</data:gcm></message>`,
    );
    expect(device.received[0]).toMatchObject({ data: { n: "3", e: "<&>é😀" }, from: "1234567890", messageId: "m-1" });
  });

  it.each([
    ["an unknown token", { to: "unknown-token", message_id: "m" }, "DEVICE_UNREGISTERED"],
    ["a malformed token", { to: "a b", message_id: "m" }, "BAD_REGISTRATION"],
    ["no recipient", { message_id: "m" }, "INVALID_JSON"],
    ["several recipients", { registration_ids: ["a"], message_id: "m" }, "INVALID_JSON"],
    ["a reserved key", { to: "known-token", message_id: "m", data: { from: "x" } }, "INVALID_JSON"],
    ["a time to live out of range", { to: "known-token", message_id: "m", time_to_live: -1 }, "INVALID_JSON"],
    ["a time to live of the wrong type", { to: "known-token", message_id: "m", time_to_live: "abc" }, "INVALID_JSON"],
    ["4097 bytes", { to: "known-token", message_id: "m", data: { k: "x".repeat(4096) } }, "INVALID_JSON"],
    ["a token of another sender", { to: "other-token", message_id: "m" }, "BAD_REGISTRATION"],
    ["an unknown priority", { to: "known-token", message_id: "m", priority: "urgent" }, "INVALID_JSON"],
    ["an unreadable condition", { condition: "'a' in", message_id: "m" }, "INVALID_JSON"],
  ])("nacks %s", async (_what, message, error) => {
    await using emulator = await startEmulator();
    emulator.createDevice({ token: "known-token" });
    emulator.createDevice({ token: "other-token", senderId: "222" });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm(message);
    expect(await peer.next()).toMatchObject({ message_type: "nack", message_id: "m", error });
    expect(emulator.inbox.latest()).toMatchObject({ state: "rejected" });
  });

  it("answers what has no message_id with a stanza error that echoes it", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: "tok-a", time_to_live: "abc" }, "3");
    const error = await peer.until("</message>");
    expect(error).toContain('<message id="3" type="error" to="1234567890@gcm.googleapis.com/app1');
    expect(error).toContain('{"to":"tok-a","time_to_live":"abc"}');
    expect(error).toContain('<error code="400" type="modify"><bad-request');
    expect(error).toContain("Missing Required Field: message_id&#10;</text>");
    peer.gcm("{not json", "4");
    expect(await peer.until("</message>")).toContain("JSON_PARSING_ERROR");
  });

  it("ends the stream on markup that is not escaped, and goes on serving others", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    await using other = await CcsPeer.login(emulator.ccsOptions());
    peer.write('<message><gcm xmlns="google:mobile:data">{"a":"<b"}</gcm></message>');
    await peer.until('<invalid-xml xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>');
    await peer.ended();
    other.gcm({ to: "unknown-token", message_id: "m" });
    expect(await other.next()).toMatchObject({ message_type: "nack" });
  });

  it("holds messages without automatic acks until they are acked or nacked, and nacks what exceeds the window", async () => {
    await using emulator = await startEmulator({ ccs: { autoAck: false, maxPending: 3 } });
    const device = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    for (let i = 1; i <= 4; i++) peer.gcm({ to: device.token, message_id: `m-${i}` });
    expect(await peer.next()).toMatchObject({ message_id: "m-4", error: "SERVICE_UNAVAILABLE" });
    expect(emulator.stats.violations).toBe(1);
    expect(device.received).toHaveLength(0);
    const [connection] = emulator.ccs.connections;
    expect(connection?.pending).toBe(3);
    emulator.ccs.ack("m-2");
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    expect(device.received).toHaveLength(1);
    emulator.ccs.nack("m-1", "internal-error");
    expect(await peer.next()).toMatchObject({ message_id: "m-1", error: "INTERNAL_SERVER_ERROR" });
    expect(emulator.ccs.ackAll()).toBe(1);
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-3" });
  });

  it("fails a strict test whose client sends more than the window holds", async () => {
    const emulator = await startEmulator({ strict: true, ccs: { autoAck: false, maxPending: 1 } });
    const peer = await CcsPeer.login(emulator.ccsOptions());
    for (let i = 1; i <= 2; i++) peer.gcm({ to: "token-a", message_id: `m-${i}` });
    await peer.next();
    expect(emulator.violations).toEqual(["2 messages are pending, at most 1 may be"]);
    await expect(emulator.close()).rejects.toThrow("A client broke the protocol: 2 messages are pending");
    await peer.ended();
  });

  it("counts the members of a device group in the ack", async () => {
    await using emulator = await startEmulator();
    const devices = [emulator.createDevice(), emulator.createDevice()];
    const created = await fetch(`${emulator.httpUrl}/fcm/notification`, {
      method: "POST",
      headers: { authorization: "key=k", project_id: "1234567890", "content-type": "application/json" },
      body: JSON.stringify({
        operation: "create",
        notification_key_name: "user-7",
        registration_ids: devices.map(({ token }) => token),
      }),
    });
    const { notification_key: to } = (await created.json()) as { notification_key: string };
    devices[1]?.unregister();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to, message_id: "m-1" });
    expect(await peer.next()).toEqual({
      message_type: "ack",
      from: to,
      message_id: "m-1",
      success: 1,
      failure: 1,
      failed_registration_ids: [devices[1]?.token],
    });
    devices[0]?.unregister();
    peer.gcm({ to, message_id: "m-2" });
    expect(await peer.next()).toMatchObject({ message_id: "m-2", error: "SERVICE_UNAVAILABLE" });
  });

  it("takes topics and conditions", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    device.subscribe("news");
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: "/topics/news", message_id: "m-1" });
    expect(await peer.next()).toEqual({ message_type: "ack", from: "/topics/news", message_id: "m-1" });
    peer.gcm({ condition: "'news' in topics", message_id: "m-2" });
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    expect(device.received).toHaveLength(2);
  });

  it("delays acks when told to, and still keeps to the window", async () => {
    const clock = createManualClock();
    await using emulator = await startEmulator({ clock, ccs: { ackDelayMs: 1000, maxPending: 2 } });
    const device = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    for (let i = 1; i <= 3; i++) peer.gcm({ to: device.token, message_id: `m-${i}` });
    await emulator.inbox.waitFor({ count: 3 });
    expect(emulator.ccs.connections[0]?.pending).toBe(2);
    await clock.advance(1000);
    const answers = [await peer.next(), await peer.next(), await peer.next()];
    expect(answers.map(({ message_type }) => message_type)).toEqual(["ack", "ack", "nack"]);
  });

  it("delays each ack by as much, and a receipt until after its message's ack", async () => {
    const clock = createManualClock();
    await using emulator = await startEmulator({ clock, ccs: { ackDelayMs: 1000 } });
    const { token: to } = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to, message_id: "m-1" });
    await emulator.inbox.waitFor({ count: 1 });
    await clock.advance(600);
    peer.gcm({ to, message_id: "m-2", delivery_receipt_requested: true });
    await emulator.inbox.waitFor({ count: 2 });
    await clock.advance(400);
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-1" });
    expect(emulator.ccs.connections[0]?.pending).toBe(1);
    await clock.advance(600);
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    expect(await peer.next()).toMatchObject({ message_type: "receipt", message_id: "dr2:m-2" });
  });

  it("answers a refusal that was scripted for a token, then the token works", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    emulator.faults.next({ token: device.token, error: "unavailable", times: 2 });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    for (const expected of ["SERVICE_UNAVAILABLE", "SERVICE_UNAVAILABLE", undefined]) {
      peer.gcm({ to: device.token, message_id: "m" });
      expect((await peer.next())["error"]).toBe(expected);
    }
  });

  it("cuts the connection after the third message, before its ack, though it was taken", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    emulator.faults.cutAfter({ messages: 3 });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    for (let i = 1; i <= 2; i++) {
      peer.gcm({ to: device.token, message_id: `m-${i}` });
      expect(await peer.next()).toMatchObject({ message_id: `m-${i}` });
    }
    peer.gcm({ to: device.token, message_id: "m-3" });
    await peer.ended();
    expect(device.received.map(({ messageId }) => messageId)).toEqual(["m-1", "m-2", "m-3"]);
    expect(emulator.stats).toMatchObject({ cuts: 1, acks: 2 });
  });
});

describe("upstream over CCS", () => {
  it("delivers an upstream message in the live form and settles it with the ack", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    const { acked, messageId } = device.sendUpstream({ q: "7 < 8" }, { messageId: "u-1" });
    const stanza = await peer.until("</message>");
    expect(stanza).toContain(
      '<message to="1234567890@gcm.googleapis.com" from="devices@gcm.googleapis.com" type="normal"><gcm xmlns="google:mobile:data">',
    );
    expect(stanza).toContain(`{"data":{"q":"7 &lt; 8"},"time_to_live":86400,"from":"${device.token}"`);
    peer.gcm({ to: device.token, message_id: messageId, message_type: "ack" });
    await acked;
    expect(emulator.stats).toMatchObject({ upstreamSent: 1, upstreamAcked: 1 });
  });

  it("writes an unacked message again, on another connection when its own has ended", async () => {
    await using emulator = await startEmulator({ ccs: { upstreamResendMs: 20 } });
    const device = emulator.createDevice();
    const peer = await CcsPeer.login(emulator.ccsOptions());
    device.sendUpstream({}, { messageId: "u-1" });
    expect(await peer.next()).toMatchObject({ message_id: "u-1" });
    expect(await peer.next()).toMatchObject({ message_id: "u-1" });
    await peer[Symbol.asyncDispose]();
    await using successor = await CcsPeer.login(emulator.ccsOptions());
    expect(await successor.next()).toMatchObject({ message_id: "u-1" });
    expect(emulator.stats.upstreamResent).toBeGreaterThanOrEqual(2);
  });

  it("answers an ack for what was not sent over this connection with 406 and stays open", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: "tok-a", message_id: "u-9", message_type: "ack" }, "7");
    expect(await peer.until("</message>")).toMatch(/id="7" type="error".*code="406".*not sent over this connection/);
    peer.gcm({ message_id: "u-9", message_type: "ack" });
    expect(await peer.next()).toMatchObject({ message_type: "nack", error: "BAD_ACK" });
  });

  it("sends a receipt once the device has confirmed, and takes the whole ID back", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice({ confirmReceipts: "manual" });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: device.token, message_id: "m-1", delivery_receipt_requested: true });
    expect(await peer.next()).toMatchObject({ message_type: "ack" });
    expect(device.confirmReceipt("m-1")).toBe(true);
    expect(await peer.next()).toEqual({
      category: "com.example.app",
      data: {
        message_status: "MESSAGE_SENT_TO_DEVICE",
        original_message_id: "m-1",
        device_registration_id: device.token,
        message_sent_timestamp: expect.stringMatching(/^\d{13}$/),
      },
      message_id: "dr2:m-1",
      message_type: "receipt",
      from: "gcm.googleapis.com",
    });
    peer.gcm({ to: "gcm.googleapis.com", message_id: "dr2:m-1", message_type: "ack" });
    await emulator.inbox.waitFor(({ timeline }) => timeline.some(({ event }) => event === "receipt-acked"));
    expect(emulator.stats).toMatchObject({ receiptsSent: 1, receiptsAcked: 1 });
  });

  it("acks a message before it sends its receipt, also when the device has it at once or the ack is given by hand", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: device.token, message_id: "m-1", delivery_receipt_requested: true });
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-1" });
    expect(await peer.next()).toMatchObject({ message_type: "receipt", message_id: "dr2:m-1" });
    emulator.ccs.autoAck = false;
    peer.gcm({ to: device.token, message_id: "m-2", delivery_receipt_requested: true });
    await emulator.inbox.waitFor({ count: 2 });
    emulator.ccs.ackAll();
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    expect(await peer.next()).toMatchObject({ message_type: "receipt", message_id: "dr2:m-2" });
  });

  it("leaves at most 100 upstream messages unacked on a connection", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    for (let i = 1; i <= 101; i++) device.sendUpstream({}, { messageId: `u-${i}` });
    for (let i = 1; i <= 100; i++) expect(await peer.next()).toMatchObject({ message_id: `u-${i}` });
    expect(emulator.ccs.connections[0]?.unackedUpstream).toBe(100);
    peer.gcm({ to: device.token, message_id: "u-5", message_type: "ack" });
    expect(await peer.next()).toMatchObject({ message_id: "u-101" });
  });
});

describe("draining", () => {
  it("announces it without a message_id, settles what is in the pipeline, and ends the stream", async () => {
    await using emulator = await startEmulator({ ccs: { autoAck: false } });
    const device = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: device.token, message_id: "m-1" });
    await emulator.inbox.waitFor({ count: 1 });
    emulator.ccs.drainAll();
    expect(await peer.next()).toEqual({ message_type: "control", control_type: "CONNECTION_DRAINING" });
    emulator.ccs.ackAll();
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-1" });
    await peer.until("</stream:stream>");
    await peer.ended();
    expect(emulator.stats.drains).toBe(1);
  });

  it("comes after a message when scripted", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    emulator.faults.drainAfter({ messages: 2, nack: true });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: device.token, message_id: "m-1" });
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-1" });
    peer.gcm({ to: device.token, message_id: "m-2" });
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    expect(await peer.next()).toMatchObject({ control_type: "CONNECTION_DRAINING" });
    peer.gcm({ to: device.token, message_id: "m-3" });
    expect(await peer.next()).toMatchObject({ error: "CONNECTION_DRAINING" });
  });

  it("nacks later messages when asked to, and gives upstream messages to another connection", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    emulator.ccs.drainAll({ nack: true });
    await peer.next();
    peer.gcm({ to: device.token, message_id: "m-1" });
    expect(await peer.next()).toMatchObject({ message_id: "m-1", error: "CONNECTION_DRAINING" });
    await using successor = await CcsPeer.login(emulator.ccsOptions());
    device.sendUpstream({}, { messageId: "u-1" });
    expect(await successor.next()).toMatchObject({ message_id: "u-1" });
  });
});

describe("keep-alive", () => {
  it("sends a space when its time has come", async () => {
    await using emulator = await startEmulator({ ccs: { keepAliveMs: 10 } });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    await peer.until(" ");
  });
});

describe("nacks", () => {
  it("always say why in words, whatever refused the message", async () => {
    await using emulator = await startEmulator({
      ccs: { maxPending: 1 },
      throttling: { perDevice: { perMinute: 1, perHour: 1 } },
    });
    const [phone, gone, other, busy] = [
      emulator.createDevice(),
      emulator.createDevice(),
      emulator.createDevice({ senderId: "42" }),
      emulator.createDevice(),
    ];
    gone.unregister();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    const nackOf = async (message: Record<string, unknown>): Promise<Record<string, unknown>> => {
      peer.gcm({ message_id: "m", ...message });
      return peer.next();
    };
    const said: [string, string][] = [];
    for (const message of [
      { to: gone.token },
      { to: "ABC" },
      { to: other.token },
      { to: phone.token, data: { x: "x".repeat(5000) } },
      { to: phone.token, time_to_live: "abc" },
      { to: phone.token, data: { from: "x" } },
      {},
      { to: "/topics/a b" },
    ]) {
      const { message_type: type, error, error_description: description } = await nackOf(message);
      expect(type).toBe("nack");
      said.push([String(error), String(description ?? "")]);
    }
    expect(said.map(([error]) => error)).toEqual([
      "DEVICE_UNREGISTERED",
      "BAD_REGISTRATION",
      "BAD_REGISTRATION",
      ...Array<string>(4).fill("INVALID_JSON"),
      "BAD_REGISTRATION",
    ]);
    await nackOf({ to: busy.token });
    said.push(["rate", String((await nackOf({ to: busy.token }))["error_description"] ?? "")]);
    // faults by every name that the error-code table has a word for, and a wire's own word
    for (const error of [...Object.keys(ERROR_CODES), "QUOTA_EXCEEDED", "SOMETHING_NEW"]) {
      try {
        emulator.faults.next({ token: phone.token, error });
      } catch {
        continue; // it has no word on any wire
      }
      said.push([error, String((await nackOf({ to: phone.token }))["error_description"] ?? "")]);
    }
    expect(said.length).toBeGreaterThan(20);
    expect(said.filter(([, description]) => description.trim() === "")).toEqual([]);
    expect(Object.fromEntries(said)["device-message-rate-exceeded"]).toBe(
      "Downstream message rate exceeded for this registration id",
    );
  });

  it("say why in words when they are given by hand", async () => {
    await using emulator = await startEmulator({ ccs: { autoAck: false } });
    const phone = emulator.createDevice();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: phone.token, message_id: "m1" });
    await emulator.inbox.waitFor(() => true);
    emulator.ccs.nack("m1", "not-registered");
    expect(await peer.next()).toMatchObject({
      error: "DEVICE_UNREGISTERED",
      error_description: expect.stringMatching(/./),
    });
  });
});

describe("text between stanzas", () => {
  it.each(["before", "after"])("ends the stream %s login with its first record", async (when) => {
    for (const end of [">", "a"]) {
      await using emulator = await startEmulator();
      await using peer =
        when === "after" ? await CcsPeer.login(emulator.ccsOptions()) : await CcsPeer.connect(emulator.ccsOptions());
      if (when === "before") {
        peer.open();
        await peer.until("</stream:features>");
      }
      peer.write("a".repeat(16_000) + end);
      await peer.until("<invalid-xml");
      await peer.ended();
    }
  });

  it("may be white space, of any amount", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await using peer = await CcsPeer.connect(emulator.ccsOptions());
    peer.open();
    await peer.until("</stream:features>");
    for (let i = 0; i < 40; i++) peer.write(" \r\n\t".repeat(4000));
    peer.auth("1234567890", "key");
    await peer.until("<success");
    peer.open();
    await peer.until("</stream:features>");
    peer.write(`${" ".repeat(300_000)}<iq type="set" id="b1"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>`);
    await peer.until("</iq>");
    peer.write(" ".repeat(300_000));
    peer.gcm({ to: phone.token, message_id: "m1" });
    expect(await peer.next()).toMatchObject({ message_type: "ack" });
  });
});
