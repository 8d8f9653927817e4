import { inspect } from "node:util";
import { createCcsClient, createCcsTransport } from "@cloud-messaging/ccs-client";
import { AuthenticationError, ClosedError, createManualClock, subscribe } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  gcmStanza,
  LOGIN,
  login,
  type Script,
  type ScriptedConnection,
  startScriptedServer,
} from "../support/ccs-scripted-server.ts";

const to = (token: string) => parseDownstreamMessage({ target: { token } });

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

/** Resolves with the reason once a connection has ended. */
function nextEnd(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const stop = subscribe("cloud-messaging:ccs-connection", ({ phase, reason }) => {
      if (phase !== "closed") return;
      stop();
      resolve(reason);
    });
  });
}

describe("logging in to CCS", () => {
  it("is ready once bound, under whatever address the server bound", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient(server.options());
    expect(client.connections).toMatchObject([{ id: 1, phase: "connecting", pending: 0 }]);
    await client.ready();
    expect(client.connections).toEqual([
      { id: 1, phase: "open", pending: 0, jid: "1234567890@gcm.googleapis.com/x1D4" },
    ]);
    await client.ready();
  });

  it("logs in under the sender's name whatever host is dialled, or under the name it is told", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient({ ...server.options(), login: "bare" });
    await client.ready();
    expect((await server.next()).credentials).toBe("\0bare\0AIza-EXAMPLE");
  });

  it("asks for the resource it is told to ask for", async () => {
    let asked = "";
    await using server = await startScriptedServer(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.mechanisms);
      await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      connection.write(LOGIN.success);
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.features);
      const bind = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>([\s\S]*?)<\/iq>/);
      asked = bind[2] ?? "";
      connection.write(LOGIN.bound(bind[1] ?? ""));
      const session = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
      // a server that refuses the obsolete session request can still be talked to
      connection.write(`<iq id="${session[1]}" type="error"/>`);
    });
    await using client = createCcsClient({ ...server.options(), resource: "app1" });
    await client.ready();
    expect(asked).toContain("<resource>app1</resource>");
  });

  it("works whatever prefixes the server uses, with a BOM-less header without XML declaration", async () => {
    await using server = await startScriptedServer(async (connection) => {
      const header =
        '<str:stream xmlns:str="http://etherx.jabber.org/streams" xmlns="jabber:client" id="1" version="1.0" from="gcm-xmpp.googleapis.com">';
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(
        `${header}<str:features><s:mechanisms xmlns:s="urn:ietf:params:xml:ns:xmpp-sasl"><s:mechanism>PLAIN</s:mechanism></s:mechanisms></str:features>`,
      );
      await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      connection.write('<s:success xmlns:s="urn:ietf:params:xml:ns:xmpp-sasl"/>');
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(`${header}<str:features><b:bind xmlns:b="urn:ietf:params:xml:ns:xmpp-bind"/></str:features>`);
      const bind = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
      connection.startReading();
      connection.write(
        `<c:iq xmlns:c="jabber:client" type="result" id="${bind[1]}"><b:bind xmlns:b="urn:ietf:params:xml:ns:xmpp-bind"><b:jid>a@b/c</b:jid></b:bind></c:iq>`,
      );
    });
    await using client = createCcsClient(server.options());
    await client.ready();
    expect(client.connections).toMatchObject([{ jid: "a@b/c" }]);
  });

  it("does not negotiate stream management, whatever is offered", async () => {
    let asked = "";
    await using server = await startScriptedServer(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(
        LOGIN.header +
          LOGIN.mechanisms.replace(
            "</stream:features>",
            '<sm xmlns="urn:xmpp:sm:3"/><starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls></stream:features>',
          ),
      );
      await connection.expect(/<auth[^>]*mechanism="PLAIN"[^>]*>[^<]*<\/auth>/);
      connection.write(LOGIN.success);
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(
        LOGIN.header + LOGIN.features.replace("</stream:features>", '<sm xmlns="urn:xmpp:sm:3"/></stream:features>'),
      );
      const bind = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
      connection.write(LOGIN.bound(bind[1] ?? ""));
      const session = await connection.expect(/([\s\S]*?)<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
      asked = session[1] ?? "";
      connection.write(LOGIN.session(session[2] ?? ""));
    });
    await using client = createCcsClient(server.options());
    await client.ready();
    expect(asked).toBe("");
  });

  it("takes messages that come in the same packet as the answer to its bind request", async () => {
    const upstream = { from: "tok-a", message_id: "u-1", data: { q: "7" }, category: "com.example" };
    await using server = await startScriptedServer(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.mechanisms);
      await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      connection.write(LOGIN.success);
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.features.replace(/<session[^>]*>/, ""));
      const bind = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
      connection.startReading();
      connection.write(LOGIN.bound(bind[1] ?? "") + gcmStanza(upstream));
    });
    const seen: string[] = [];
    await using client = createCcsClient({
      ...server.options(),
      onUpstream: ({ messageId }) => {
        seen.push(messageId);
      },
    });
    await client.ready();
    const connection = await server.next();
    await connection.until(() => connection.acks.length === 1);
    expect(seen).toEqual(["u-1"]);
  });

  it("ends with AuthenticationError when the key is refused, tries no second time and shows no secret", async () => {
    await using server = await startScriptedServer(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.mechanisms);
      await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      connection.write(LOGIN.failure);
    });
    const client = createCcsClient(server.options());
    const sending = client.send({ target: { token: "tok-a" } });
    const refusal = await client.ready().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AuthenticationError);
    expect(String(refusal)).not.toContain("AIza");
    expect((await sending).outcomes).toMatchObject([{ kind: "rejected", code: "authentication-failed" }]);
    expect((await client.send({ target: { token: "tok-a" } })).outcomes).toMatchObject([
      { kind: "rejected", code: "authentication-failed" },
    ]);
    expect(await client.closed).toBe(refusal);
    expect(server.connections).toHaveLength(1);
    await client.close();
  });

  it("comes back after a login failure that may pass", async () => {
    let times = 0;
    await using server = await startScriptedServer(async (connection) => {
      if (++times > 1) return login(connection);
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.mechanisms);
      await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      connection.write(LOGIN.failure.replace("not-authorized", "temporary-auth-failure"));
    });
    await using client = createCcsClient({ ...server.options(), random: () => 0 });
    await client.ready();
    expect(server.connections).toHaveLength(2);
  });

  it("never sends the key to a server whose certificate is not trusted, or is for another name", async () => {
    await using server = await startScriptedServer();
    await using other = await startScriptedServer();
    for (const options of [
      { ...server.options(), tls: {} },
      { ...server.options(), tls: { ca: server.ca, servername: "example.com" } },
      { ...server.options(), tls: { ca: server.ca, servername: "127.0.0.2" } },
    ]) {
      const ended = nextEnd();
      const clock = createManualClock();
      const transport = createCcsTransport({
        ...options,
        clock,
        random: () => 0.999,
      });
      const reason = await ended;
      expect(reason).toMatch(/certificate|altnames/i);
      expect((await transport.send(to("tok-a"))).outcomes).toMatchObject([
        { kind: "rejected", code: "untrusted-certificate", detail: reason },
      ]);
      await transport.close();
    }
    expect(server.connections.every(({ credentials }) => credentials === undefined)).toBe(true);
    await other.close();
  });

  it.each<[string, string | undefined, string | false]>([
    ["127.0.0.1", undefined, false],
    ["localhost", undefined, "localhost"],
    ["localhost", "gcm.googleapis.com", "gcm.googleapis.com"],
    // certificates may hold IP addresses, SNI may not
    ["localhost", "127.0.0.1", false],
  ])("connected to %s, with %s as servername, sends %s as SNI", async (host, servername, sni) => {
    await using server = await startScriptedServer();
    const tls = { ca: server.ca, ...(servername === undefined ? {} : { servername }) };
    await using client = createCcsClient({ ...server.options(), host, tls });
    await client.ready();
    expect(server.connections[0]?.socket).toMatchObject({ servername: sni });
  });

  it("never sends it either where NODE_TLS_REJECT_UNAUTHORIZED=0 has switched verification off", async () => {
    await using server = await startScriptedServer();
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const { tls: _, ...options } = server.options();
    const ended = nextEnd();
    const transport = createCcsTransport(options);
    expect(await ended).toMatch(/certificate/);
    await transport.close();
    expect(server.connections.every(({ credentials }) => credentials === undefined)).toBe(true);
  });

  it("refuses a server that sends messages before anybody has logged in", async () => {
    await using server = await startScriptedServer(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + gcmStanza({ from: "tok-a", message_id: "u-1", data: {} }));
    });
    const ended = nextEnd();
    const transport = createCcsTransport(server.options());
    expect(await ended).toMatch(/before the login/);
    await transport.close();
  });

  it.each([
    ["few large", 5, 90_000],
    ["many small", 1_001, 1],
  ])("refuses a server that sends %s messages before the login is complete", async (_, count, chars) => {
    await using server = await startScriptedServer(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.mechanisms);
      await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      connection.write(LOGIN.success);
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.features);
      await connection.expect(/<iq[^>]*>[\s\S]*?<\/iq>/);
      const stanza = gcmStanza({ from: "tok-a", message_id: "u-1", data: { x: "x".repeat(chars) } });
      for (let i = 0; i < count; i++) connection.write(stanza);
    });
    const ended = nextEnd();
    const transport = createCcsTransport({ ...server.options(), maxStanzaChars: 100_000 });
    expect(await ended).toMatch(/too many messages before the login was complete/);
    await transport.close();
  });

  it("shows no secret that the server repeats, in events, errors or outcomes", async () => {
    await using server = await startScriptedServer();
    const said: string[] = [];
    const stops = [
      subscribe("cloud-messaging:notice", ({ detail }) => said.push(detail)),
      subscribe("cloud-messaging:ccs-connection", ({ reason }) => said.push(reason ?? "")),
    ];
    const token = `${"T".repeat(60)}:APA91bXyz`;
    const transport = createCcsTransport(server.options());
    const connection = await server.next();
    const secrets = `key AIza-EXAMPLE of ${token} in ${Buffer.from("\u00001234567890@gcm.googleapis.com\u0000AIza-EXAMPLE").toString("base64")}`;
    const text = (kind: string) => `<text xmlns="urn:ietf:params:xml:ns:xmpp-${kind}">${secrets}</text>`;
    const refused = transport.send(to("tok-a"), { messageIds: ["m-1"] });
    const failed = transport.send(to("tok-b"), { messageIds: ["m-2"] });
    await connection.until(() => connection.messages.length === 2);
    connection.nack("m-1", "INVALID_JSON", secrets);
    connection.write(
      `<message type="error" id="m-2"><error code="400"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>${text("stanzas")}</error></message>`,
    );
    connection.write(
      `<message type="error" id="m-9"><error code="406"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>${text("stanzas")}</error></message>`,
    );
    connection.gcm({ message_type: "control", control_type: secrets });
    connection.gcm({ message_type: secrets });
    connection.gcm({ message_type: "ack", message_id: `AIza-EXAMPLE ${token}` });
    const outcomes = [await refused, await failed];
    const ended = nextEnd();
    connection.write(
      `<stream:error><not-authorized xmlns="urn:ietf:params:xml:ns:xmpp-streams"/>${text("streams")}</stream:error></stream:stream>`,
    );
    await ended;
    for (const stop of stops) stop();
    await transport.close();
    const everything = inspect([said, outcomes], { depth: 9 });
    // each of the seven was told, and without
    expect(everything.match(/\[API key\]/g)?.length).toBeGreaterThanOrEqual(7);
    expect(everything).not.toMatch(/AIza-EXAMPLE|TTTTTTTT|ADEyMzQ1Njc4OTBA/);
  });

  const silentAt: readonly [string, Script][] = [
    ["before the stream header", () => undefined],
    [
      "before the features",
      async (connection) => {
        await connection.expect(/<stream:stream[^>]*>/);
        connection.write(LOGIN.header);
      },
    ],
    [
      "after the credentials",
      async (connection) => {
        await connection.expect(/<stream:stream[^>]*>/);
        connection.write(LOGIN.header + LOGIN.mechanisms);
        await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      },
    ],
    [
      "after the second stream header",
      async (connection) => {
        await connection.expect(/<stream:stream[^>]*>/);
        connection.write(LOGIN.header + LOGIN.mechanisms);
        await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
        connection.write(LOGIN.success);
        await connection.expect(/<stream:stream[^>]*>/);
      },
    ],
    [
      "after the bind request",
      async (connection) => {
        await connection.expect(/<stream:stream[^>]*>/);
        connection.write(LOGIN.header + LOGIN.mechanisms);
        await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
        connection.write(LOGIN.success);
        await connection.expect(/<stream:stream[^>]*>/);
        connection.write(LOGIN.header + LOGIN.features);
        await connection.expect(/<iq[^>]*>[\s\S]*?<\/iq>/);
      },
    ],
  ];
  it("waits for a slow server as long as it was told to, be that longer than the library would", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await using server = await startScriptedServer(async (connection) => {
      const { write } = connection;
      connection.write = (text) => {
        // asked to bind: a minute goes by
        if (text.toString().includes("<jid>")) vi.advanceTimersByTime(60_000);
        write.call(connection, text);
      };
      await login(connection);
    });
    await using client = createCcsClient({ ...server.options(), clock: createManualClock(), loginTimeoutMs: 90_000 });
    await client.ready();
    expect(server.connections).toHaveLength(1);
  });

  it.each(silentAt)("gives up a server that falls silent %s, and connects again", async (_, script) => {
    const clock = createManualClock();
    await using server = await startScriptedServer(script);
    await using client = createCcsClient({ ...server.options(), clock, loginTimeoutMs: 7_000, random: () => 0 });
    await server.next();
    const ended = nextEnd();
    await clock.advance(7_000);
    expect(await ended).toMatch(/login was not complete/);
    server.script = login;
    await clock.advance(0);
    await server.next();
    await client.ready();
  });

  it("gives up a TCP server that never speaks TLS", async () => {
    const clock = createManualClock();
    const net = await import("node:net");
    const accepted: import("node:net").Socket[] = [];
    const server = net.createServer((socket) => accepted.push(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as import("node:net").AddressInfo;
    const connected = new Promise((resolve) => server.once("connection", resolve));
    const client = createCcsClient({ senderId: "1", apiKey: "k", host: "127.0.0.1", port, clock });
    await connected;
    const ended = nextEnd();
    await clock.advance(10_000);
    expect(await ended).toMatch(/No TLS connection/);
    await client.close();
    for (const socket of accepted) socket.destroy();
    server.close();
  });
});

describe("a CCS connection that ends", () => {
  const online = async (options: object = {}) => {
    const clock = createManualClock();
    const server = await startScriptedServer();
    const client = createCcsClient({ ...server.options(), clock, random: () => 0.5, ...options });
    const connection = await server.next();
    await client.ready();
    return { clock, server, client, connection };
  };
  /** Lets the connection do some work, so that it counts as one that works. */
  const prove = async ({
    client,
    connection,
  }: {
    client: ReturnType<typeof createCcsClient>;
    connection: ScriptedConnection;
  }) => {
    const before = connection.messages.length;
    const sending = client.send({ target: { token: "tok" } });
    await connection.until(() => connection.messages.length > before);
    connection.ack(connection.messages.at(-1)?.id as string);
    await sending;
  };

  it("is replaced at once when it had worked", async () => {
    const parts = await online();
    await prove(parts);
    parts.connection.socket.destroy();
    const second = await parts.server.next();
    expect(second.number).toBe(2);
    await parts.client.close();
    await parts.server.close();
  });

  it("is replaced with a back-off when connections keep being dropped behind the login", async () => {
    const { clock, server, client, connection } = await online();
    connection.socket.destroy();
    const second = await server.next();
    const ended = nextEnd();
    second.socket.destroy();
    await ended;
    expect(client.connections).toEqual([]);
    await clock.advance(999);
    expect(client.connections).toEqual([]);
    await clock.advance(1);
    expect(client.connections).toHaveLength(1);
    await server.next();
    await client.close();
    await server.close();
  });

  it("is not replaced more often than the service allows per minute, even where nothing else asks for a wait", async () => {
    const clock = createManualClock();
    const server = await startScriptedServer(async (connection) => {
      await login(connection);
      connection.socket.destroy();
    });
    const waits: string[] = [];
    const waiting = (count: number) =>
      new Promise<void>((resolve) => {
        const stop = subscribe("cloud-messaging:ccs-connection", ({ phase, reason }) => {
          if (phase !== "backing-off" || waits.push(reason ?? "") < count) return;
          stop();
          resolve();
        });
      });
    const first = waiting(1);
    const transport = createCcsTransport({ ...server.options(), clock, random: () => 0, maxConnectsPerMinute: 2 });
    await first;
    expect(server.connections).toHaveLength(2);
    // the third at a minute from the first, and the fourth with it
    const second = waiting(2);
    await clock.advance(59_999);
    expect(server.connections).toHaveLength(2);
    await clock.advance(1);
    await second;
    expect(server.connections).toHaveLength(4);
    expect(waits).toEqual(["next attempt in 60000 ms", "next attempt in 60000 ms"]);
    await transport.close();
    await server.close();
  });

  it.each<[string, (connection: ScriptedConnection) => void, RegExp]>([
    ["closes the stream", (c) => c.write("</stream:stream>"), /closed the stream/],
    ["closes the socket", (c) => c.socket.end(), /closed the connection/],
    [
      "reports a stream error",
      (c) =>
        c.write(
          '<stream:error><policy-violation xmlns="urn:ietf:params:xml:ns:xmpp-streams"/><text xmlns="urn:ietf:params:xml:ns:xmpp-streams">too much</text></stream:error></stream:stream>',
        ),
      /policy-violation \(too much\)/,
    ],
    [
      "sends it elsewhere",
      (c) =>
        c.write(
          '<stream:error><see-other-host xmlns="urn:ietf:params:xml:ns:xmpp-streams">evil.example:5222</see-other-host></stream:error>',
        ),
      /see-other-host/,
    ],
    ["sends malformed XML", (c) => c.write("<message></massage>"), /end tag/],
    ["sends an HTML entity", (c) => c.write("<message>&nbsp;</message>"), /entity/],
    ["sends the null character", (c) => c.write("<message>&#0;</message>"), /no character/],
    ["sends a comment", (c) => c.write("<!-- hello -->"), /comment/],
    ["defines entities", (c) => c.write('<!DOCTYPE a [<!ENTITY b "c">]>'), /document type/],
    ["sends text between stanzas", (c) => c.write("hello"), /text between stanzas/],
    ["sends bytes behind the end of the stream", (c) => c.write("</stream:stream>\n<message/>"), /closed the stream/],
    ["nests without end", (c) => c.write("<a>".repeat(100)), /inside each other/],
  ])("is replaced when the server %s", async (_, misbehave, reason) => {
    const parts = await online();
    await prove(parts);
    const ended = nextEnd();
    misbehave(parts.connection);
    expect(await ended).toMatch(reason);
    expect((await parts.server.next()).number).toBe(2);
    await parts.client.ready();
    await parts.client.close();
    await parts.server.close();
  });

  it("costs no memory when it sends a stanza of 64 MiB: it is cut off at the limit", async () => {
    const parts = await online({ maxStanzaChars: 100_000 });
    await prove(parts);
    const ended = nextEnd();
    parts.connection.write('<message><gcm xmlns="google:mobile:data">');
    const piece = Buffer.alloc(1_048_576, "x");
    let written = 0;
    const pour = (): void => {
      while (written < 64 && !parts.connection.closed) {
        written++;
        if (!parts.connection.socket.write(piece)) {
          parts.connection.socket.once("drain", pour);
          return;
        }
      }
    };
    pour();
    expect(await ended).toMatch(/more than 100000 characters/);
    expect(written).toBeLessThan(64);
    await parts.server.next();
    await parts.client.close();
    await parts.server.close();
  });

  it("costs no memory when it asks and does not read the answers: it is not read any more either", async () => {
    const { connection, server, client, clock } = await online();
    connection.socket.pause();
    const asks = '<iq type="get" id="p" from="gcm.googleapis.com"><ping xmlns="urn:xmpp:ping"/></iq>'.repeat(20_000);
    for (let i = 0; i < 24; i++) connection.socket.write(asks);
    // client and server share this process: nothing moves any more, so the client has stopped reading
    for (let still = 0, before = -1; still < 100; before = connection.socket.writableLength) {
      await new Promise((resolve) => setImmediate(resolve));
      still = before === connection.socket.writableLength ? still + 1 : 0;
    }
    const waiting = client.send({ target: { token: "tok-a" } }, { timeoutMs: 1 });
    expect([client.pending, client.connections[0]?.pending]).toEqual([1, 0]);
    await clock.advance(1);
    expect((await waiting).outcomes).toMatchObject([{ kind: "retryable", code: "timeout" }]);
    let ended = "";
    void nextEnd().then((reason) => {
      ended = reason ?? "";
    });
    let unread = 0;
    while (ended === "") {
      unread = connection.socket.writableLength;
      await clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(ended).toMatch(/did not answer a ping/);
    // what the client did not take stayed on the server's side
    expect(unread).toBeGreaterThan(asks.length);
    await client.close();
    await server.close();
  });

  it("bears 10,000 spaces", async () => {
    const parts = await online();
    parts.connection.write(" ".repeat(10_000));
    for (let i = 0; i < 100; i++) parts.connection.write("\n");
    await prove(parts);
    await parts.client.close();
    await parts.server.close();
  });
});

describe("a silent CCS connection", () => {
  it("is kept alive with spaces, pinged when idle, and kept as long as the server answers", async () => {
    const clock = createManualClock();
    await using server = await startScriptedServer();
    await using client = createCcsClient({
      ...server.options(),
      clock,
      keepAliveIntervalMs: 10_000,
      pingIntervalMs: 35_000,
      pingTimeoutMs: 5_000,
    });
    const connection = await server.next();
    await client.ready();
    for (let round = 1; round <= 3; round++) {
      await clock.advance(10_000);
      await connection.until(() => connection.spaces >= round);
    }
    expect(connection.pings).toEqual([]);
    await clock.advance(5_000);
    await connection.until(() => connection.pings.length === 1);
    connection.write(" ");
    await prove(client, connection);
    await clock.advance(5_000);
    expect(client.connections).toMatchObject([{ id: 1, phase: "open" }]);
  });

  it("is given up when a ping stays unanswered, and its messages go to the next one", async () => {
    const clock = createManualClock();
    await using server = await startScriptedServer();
    await using client = createCcsClient({ ...server.options(), clock, pingIntervalMs: 30_000, pingTimeoutMs: 5_000 });
    const first = await server.next();
    first.answersPings = false;
    await client.ready();
    const sending = client.send({ target: { token: "tok-a" } });
    await first.until(() => first.messages.length === 1);
    await clock.advance(30_000);
    await first.until(() => first.pings.length === 1);
    const ended = nextEnd();
    await clock.advance(5_000);
    expect(await ended).toMatch(/did not answer a ping/);
    const second = await server.next();
    second.ackAll();
    await second.until(() => second.messages.length === 1);
    expect(second.messages[0]?.id).toBe(first.messages[0]?.id);
    expect((await sending).outcomes).toMatchObject([{ kind: "accepted" }]);
  });

  it("answers the server's pings and refuses its other requests", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient(server.options());
    const connection = await server.next();
    await client.ready();
    connection.write('<iq type="get" id="p1" from="gcm.googleapis.com"><ping xmlns="urn:xmpp:ping"/></iq>');
    connection.write('<iq type="set" id="q1"><query xmlns="jabber:iq:roster"/></iq>');
    await connection.until(() => connection.iqs.length === 2);
    expect(connection.iqs[0]).toBe('<iq type="result" id="p1" to="gcm.googleapis.com"/>');
    expect(connection.iqs[1]).toMatch(/id="q1".*service-unavailable/);
  });

  const prove = async (client: ReturnType<typeof createCcsClient>, connection: ScriptedConnection): Promise<void> => {
    const sending = client.send({ target: { token: "tok" } });
    await connection.until(() => connection.messages.length === 1);
    connection.ack(connection.messages[0]?.id as string);
    await sending;
  };
});

describe("closing", () => {
  it("closes the stream properly, and refuses what comes after", async () => {
    await using server = await startScriptedServer();
    const client = createCcsClient(server.options());
    const connection = await server.next();
    await client.ready();
    await client.close();
    await connection.until(() => connection.streamClosed);
    await expect(client.send({ target: { token: "tok-a" } })).rejects.toBeInstanceOf(ClosedError);
    await expect(client.ready()).rejects.toBeInstanceOf(ClosedError);
    expect(await client.closed).toBeUndefined();
    expect(client.close()).toBe(client.close());
  });

  it("ends at once while connecting, and while waiting to connect", async () => {
    await using server = await startScriptedServer(() => undefined);
    const connecting = createCcsClient(server.options());
    const waiting = connecting.ready().catch((error: unknown) => error);
    await connecting.close();
    expect(await waiting).toBeInstanceOf(ClosedError);

    const refused = createCcsClient({ ...server.options(), port: 1, random: () => 0.9 });
    await nextEnd();
    await refused.close();
    expect(refused.connections).toEqual([]);
  });

  it("gives a server that does not close its side only so long", async () => {
    const clock = createManualClock();
    await using server = await startScriptedServer();
    const client = createCcsClient({ ...server.options(), clock, streamCloseTimeoutMs: 500 });
    const connection = await server.next();
    await client.ready();
    connection.socket.allowHalfOpen = true;
    const closing = client.close();
    await connection.until(() => connection.streamClosed);
    await clock.advance(500);
    await closing;
    expect(clock.scheduled).toBe(0);
  });

  it("stops waiting for a connection when the signal says so", async () => {
    await using server = await startScriptedServer(() => undefined);
    await using client = createCcsClient(server.options());
    const stop = new AbortController();
    const waiting = client.ready({ signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toMatchObject({ name: "AbortError", code: "ERR_ABORTED" });
  });
});
