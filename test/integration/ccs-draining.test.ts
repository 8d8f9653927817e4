import { createServer } from "node:net";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, subscribe } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { gcmStanza, LOGIN, login, type Script, startScriptedServer } from "../support/ccs-scripted-server.ts";

const message = { target: { token: "tok-a" }, data: { n: "1" } };
const DRAINING = gcmStanza({ message_type: "control", control_type: "CONNECTION_DRAINING" });

/** A login whose last answer has the announcement right behind it, in the same packet. */
const drainingLogin =
  (behind: "bound" | "session", features: string = LOGIN.features): Script =>
  async (connection) => {
    await connection.expect(/<stream:stream[^>]*>/);
    connection.write(LOGIN.header + LOGIN.mechanisms);
    await connection.expect(/<auth[^>]*>([^<]*)<\/auth>/);
    connection.write(LOGIN.success);
    await connection.expect(/<stream:stream[^>]*>/);
    connection.write(LOGIN.header + features);
    const bind = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
    connection.write(LOGIN.bound(bind[1] ?? "") + (behind === "bound" ? DRAINING : ""));
    if (features === LOGIN.features) {
      const session = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
      connection.startReading();
      connection.write(LOGIN.session(session[1] ?? "") + (behind === "session" ? DRAINING : ""));
    } else connection.startReading();
  };
const WITHOUT_SESSION = '<stream:features><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></stream:features>';

describe("draining that is announced with the end of the login", () => {
  it.each<[string, Script]>([
    ["behind the bind result", drainingLogin("bound")],
    ["behind the session result", drainingLogin("session")],
    ["behind a bind result that needs no session", drainingLogin("bound", WITHOUT_SESSION)],
  ])("has every message written on the successor: %s", async (_, script) => {
    await using server = await startScriptedServer(script);
    await using client = createCcsClient(server.options());
    const sending = Promise.all(Array.from({ length: 64 }, () => client.send(message)));
    const draining = await server.next();
    server.script = login;
    const successor = await server.next();
    successor.ackAll();
    const reports = await sending;
    expect(reports.map(({ outcomes }) => outcomes[0]?.kind)).toEqual(Array(64).fill("accepted"));
    expect(draining.messages).toEqual([]);
    expect(successor.messages).toHaveLength(64);
    expect(draining.closed).toBe(false);
  });

  it("leaves upstream messages of the same packet to be handled and acked there", async () => {
    const upstream = gcmStanza({ from: "tok-a", category: "app", message_id: "u-1", data: { q: "7" } });
    await using server = await startScriptedServer(async (connection) => {
      connection.write = ((write) => (text: string | Buffer) => {
        write.call(connection, String(text).includes("<jid>") ? `${String(text)}${DRAINING}${upstream}` : text);
      })(connection.write);
      await login(connection);
    });
    const handled: string[] = [];
    await using _client = createCcsClient({
      ...server.options(),
      onUpstream: ({ messageId }) => void handled.push(messageId),
    });
    const draining = await server.next();
    await draining.until(() => draining.acks.length > 0);
    expect(handled).toEqual(["u-1"]);
  });
});

describe("a connection that is drained right after its login", () => {
  it("is followed at once, however often that happens: nothing has failed", async () => {
    const clock = createManualClock();
    await using server = await startScriptedServer();
    // the longest back-off would be drawn, and time stands still
    await using client = createCcsClient({ ...server.options(), clock, random: () => 0.999 });
    for (let i = 0; i < 5; i++) (await server.next()).drain();
    const last = await server.next();
    last.ackAll();
    const { outcomes } = await client.send(message);
    expect(outcomes).toMatchObject([{ kind: "accepted" }]);
    expect(client.lastError).toBeUndefined();
  });
});

describe("a message that was refused because its connection drains", () => {
  it("and is then aborted has an outcome: it was written once, and not accepted", async () => {
    const clock = createManualClock();
    await using server = await startScriptedServer();
    await using client = createCcsClient({ ...server.options(), clock });
    const abort = new AbortController();
    const sending = client.send(message, { signal: abort.signal });
    const first = await server.next();
    await first.until(() => first.messages.length > 0);
    // the successor takes no messages: it never gets past its login
    server.script = () => new Promise(() => undefined);
    first.nack((first.messages[0] as { id: string }).id, "CONNECTION_DRAINING");
    while (client.connections.length < 2) await clock.advance(0);
    abort.abort();
    const { outcomes } = await sending;
    expect(outcomes).toMatchObject([{ kind: "retryable", code: "aborted", sentAt: expect.any(Number) }]);
  });
});

describe("a connection that cannot be made", () => {
  it.each(["127.0.0.1", "localhost"])("has the system's words and its code in lastError: %s", async (host) => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    await new Promise((resolve) => taken.close(resolve));
    const failed = new Promise<void>((resolve) => {
      const stop = subscribe("cloud-messaging:ccs-connection", ({ phase }) => {
        if (phase !== "closed") return;
        stop();
        resolve();
      });
    });
    await using client = createCcsClient({ senderId: "123", apiKey: "AIza-EXAMPLE", host, port });
    await failed;
    expect(client.lastError?.message).toMatch(/no connection to .*: connect ECONNREFUSED/);
  });
});
