import { getEventListeners } from "node:events";
import { type CcsClientOptions, createCcsClient, createCcsTransport } from "@cloud-messaging/ccs-client";
import {
  AuthenticationError,
  createManualClock,
  createMemoryRegistrationStore,
  type DownstreamMessage,
  InvalidMessageError,
  type RecipientOutcome,
  subscribe,
} from "@cloud-messaging/core";
import { plusMs } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import {
  LOGIN,
  login,
  type ScriptedConnection,
  type ScriptedServer,
  startScriptedServer,
} from "../support/ccs-scripted-server.ts";

const message = (token = "tok-a") => ({ target: { token }, data: { n: "1" } });

interface Setup extends AsyncDisposable {
  readonly server: ScriptedServer;
  readonly client: ReturnType<typeof createCcsClient>;
  readonly connection: ScriptedConnection;
  readonly clock: ReturnType<typeof createManualClock>;
}

/** A client that is online on its first connection, on a clock that stands still. */
async function online(options: Partial<CcsClientOptions> = {}): Promise<Setup> {
  const clock = createManualClock();
  const server = await startScriptedServer();
  const client = createCcsClient({ ...server.options(), clock, random: () => 0.5, ...options });
  const connection = await server.next();
  await client.ready();
  return {
    server,
    client,
    connection,
    clock,
    async [Symbol.asyncDispose]() {
      for (const open of server.connections) open.ackAll();
      const closing = client.close();
      await clock.advance(60_000);
      await closing;
      await server.close();
    },
  };
}

/** The next retry that is announced. */
const nextRetry = () =>
  new Promise((resolve) => {
    const stop = subscribe("cloud-messaging:retry", (event) => {
      stop();
      resolve(event);
    });
  });
/** The next end of a connection for such a reason. */
const nextEndWith = (pattern: RegExp) =>
  new Promise<void>((resolve) => {
    const stop = subscribe("cloud-messaging:ccs-connection", ({ phase, reason }) => {
      if (phase !== "closed" || !pattern.test(reason ?? "")) return;
      stop();
      resolve();
    });
  });
const arrived = (connection: ScriptedConnection, count: number) =>
  connection.until(() => connection.messages.length >= count);
const idOf = (connection: ScriptedConnection, index = 0): string => connection.messages[index]?.id as string;
/** Its registrations are older than any send. */
const storeOfLongAgo = () => createMemoryRegistrationStore({ clock: createManualClock(0) });
const only = async (sending: Promise<{ outcomes: readonly RecipientOutcome[] }>) => (await sending).outcomes[0];

describe("the answer to a message", () => {
  it("rewrites the store when an ack names a canonical ID, and the next message goes there", async () => {
    const registrations = storeOfLongAgo();
    await registrations.register("user", "tok-old");
    await using parts = await online({ registrations });
    const { client, connection } = parts;
    const sending = client.sendToUser("user", { data: { a: "1" } });
    await arrived(connection, 1);
    connection.ack(idOf(connection), { registration_id: "tok-new" });
    expect(await only(sending)).toMatchObject({
      kind: "accepted",
      recipient: "tok-old",
      canonicalRegistrationId: "tok-new",
    });
    expect((await registrations.registrationsOf("user")).map(({ token }) => token)).toEqual(["tok-new"]);

    const again = client.send(message("tok-old"));
    await arrived(connection, 2);
    expect(connection.messages[1]?.to).toBe("tok-new");
    connection.ack(idOf(connection, 1));
    expect(await only(again)).toMatchObject({ kind: "accepted", recipient: "tok-old", sentTo: "tok-new" });
  });

  it("leaves the store alone when an ack names a canonical ID that nothing could be sent to", async () => {
    const registrations = storeOfLongAgo();
    registrations.register("user", "tok-old");
    await using parts = await online({ registrations });
    const { client, connection } = parts;
    for (const [index, id] of ["two words", "t".repeat(4_097)].entries()) {
      const sending = client.sendToUser("user", { data: { a: "1" } });
      await arrived(connection, index + 1);
      connection.ack(idOf(connection, index), { registration_id: id });
      expect(await only(sending)).toMatchObject({ kind: "accepted", recipient: "tok-old" });
      expect(registrations.registrationsOf("user").map(({ token }) => token)).toEqual(["tok-old"]);
    }
  });

  it("is known from a nack without error_description, and the connection goes on", async () => {
    await using parts = await online();
    const { server, client, connection } = parts;
    const kinds: (string | undefined)[] = [];
    for (const [index, error] of ["DEVICE_UNREGISTERED", "BAD_REGISTRATION", "INVALID_JSON"].entries()) {
      const sending = client.send(message());
      await arrived(connection, index + 1);
      connection.gcm({ message_type: "nack", message_id: idOf(connection, index), from: "tok-a", error });
      kinds.push((await only(sending))?.kind);
    }
    expect(kinds).toEqual(["unregistered", "rejected", "rejected"]);
    expect(server.connections).toHaveLength(1);
    expect(connection.closed).toBe(false);
  });

  it.each([
    ["DEVICE_UNREGISTERED", undefined],
    ["BAD_REGISTRATION", "Invalid token on 'to' field: tok-a"],
  ])("removes the token from the store after %s", async (error, description) => {
    const registrations = storeOfLongAgo();
    await registrations.register("user", "tok-a");
    await using parts = await online({ registrations });
    const { client, connection } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    connection.nack(idOf(connection), error, description);
    expect(await only(sending)).toMatchObject({ kind: "unregistered" });
    expect(await registrations.registrationsOf("user")).toEqual([]);
  });

  it("keeps a token of which CCS only says BAD_REGISTRATION: it may be another sender's", async () => {
    const registrations = storeOfLongAgo();
    await registrations.register("user", "tok-a");
    await using parts = await online({ registrations });
    const sending = parts.client.send(message());
    await arrived(parts.connection, 1);
    parts.connection.nack(idOf(parts.connection), "BAD_REGISTRATION");
    expect(await only(sending)).toMatchObject({ kind: "rejected", code: "bad-registration" });
    expect(await registrations.registrationsOf("user")).toHaveLength(1);
  });

  it.each([["SERVICE_UNAVAILABLE"], ["INTERNAL_SERVER_ERROR"], ["SOMETHING_NEW"]])(
    "%s: waits a second or more, then goes again under the same ID",
    async (error) => {
      await using parts = await online();
      const { client, connection, clock } = parts;
      const retried = new Promise((resolve) => {
        const stop = subscribe("cloud-messaging:retry", (event) => {
          stop();
          resolve(event);
        });
      });
      const sending = client.send(message());
      await arrived(connection, 1);
      connection.nack(idOf(connection), error);
      expect(await retried).toMatchObject({ attempt: 2, delayMs: 1_500 });
      await clock.advance(1_499);
      expect(connection.messages).toHaveLength(1);
      await clock.advance(1);
      await arrived(connection, 2);
      expect(idOf(connection, 1)).toBe(idOf(connection));
      connection.ack(idOf(connection));
      expect(await only(sending)).toMatchObject({ kind: "accepted", attempts: 2 });
    },
  );

  it.each([["DEVICE_MESSAGE_RATE_EXCEEDED"], ["TOPICS_MESSAGE_RATE_EXCEEDED"], ["QUOTA_EXCEEDED"]])(
    "%s: goes again later and slower",
    async (error) => {
      await using parts = await online();
      const retried = new Promise((resolve) => {
        const stop = subscribe("cloud-messaging:retry", (event) => {
          stop();
          resolve(event);
        });
      });
      const sending = parts.client.send(message());
      await arrived(parts.connection, 1);
      parts.connection.nack(idOf(parts.connection), error);
      expect(await retried).toMatchObject({ delayMs: 30_500 });
      await parts.clock.advance(30_500);
      await arrived(parts.connection, 2);
      parts.connection.ack(idOf(parts.connection));
      expect(await only(sending)).toMatchObject({ kind: "accepted" });
    },
  );

  it.each([["INVALID_JSON"], ["BAD_ACK"], ["AUTHENTICATION_FAILED"], ["INVALID_TTL"]])(
    "%s: goes to the caller at once, with what the service said",
    async (error) => {
      await using parts = await online();
      const sending = parts.client.send(message());
      await arrived(parts.connection, 1);
      parts.connection.nack(idOf(parts.connection), error, "said the service");
      expect(await only(sending)).toMatchObject({
        kind: "rejected",
        attempts: 1,
        service: { error, description: "said the service" },
      });
    },
  );

  it("may be a stanza error, which finds its message by the stanza's id, and echoes nothing into the inbox", async () => {
    const upstream: string[] = [];
    await using parts = await online({
      onUpstream: ({ messageId }) => {
        upstream.push(messageId);
      },
    });
    const { client, connection } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    const id = idOf(connection);
    connection.write(
      `<message id="${id}" type="error"><gcm xmlns="google:mobile:data">{"from":"tok-a","message_id":"${id}"}</gcm><error code="400" type="modify"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">InvalidJson</text></error></message>`,
    );
    expect(await only(sending)).toMatchObject({
      kind: "rejected",
      code: "stanza-error",
      service: { error: "bad-request", status: 400, description: "InvalidJson" },
    });
    expect(upstream).toEqual([]);
  });

  it.each([
    ["an empty id", ""],
    ["an id of the server's own", "s-1"],
  ])("may be a stanza error with %s, which finds its message by what it echoes", async (_, stanzaId) => {
    await using parts = await online();
    const { client, connection } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    connection.write(
      `<message id="${stanzaId}" type="error"><gcm xmlns="google:mobile:data">{"to":"tok-a","message_id":"${idOf(connection)}"}</gcm><error code="400" type="modify"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`,
    );
    expect(await only(sending)).toMatchObject({ kind: "rejected", code: "stanza-error" });
    expect(client.connections).toMatchObject([{ pending: 0 }]);
  });

  it("may be a stanza error that passes: the message goes again", async () => {
    await using parts = await online();
    const { client, connection, clock } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    const retried = nextRetry();
    connection.write(
      `<message id="${idOf(connection)}" type="error"><error code="503" type="wait"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`,
    );
    await retried;
    await clock.advance(2_000);
    await arrived(connection, 2);
    connection.ack(idOf(connection, 1));
    expect(await only(sending)).toMatchObject({ kind: "accepted", attempts: 2 });
  });

  it("comes by position for messages to many tokens, each with an ID of its own", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const sending = client.send({ target: { tokens: ["tok-a", "tok-b", "tok-c"] }, data: { n: "1" } });
    await arrived(connection, 3);
    expect(new Set(connection.messages.map(({ id }) => id)).size).toBe(3);
    connection.nack(idOf(connection, 1), "DEVICE_UNREGISTERED");
    connection.ack(idOf(connection, 2));
    connection.ack(idOf(connection, 0));
    expect((await sending).outcomes.map(({ kind, recipient }) => `${recipient} ${kind}`)).toEqual([
      "tok-a accepted",
      "tok-b unregistered",
      "tok-c accepted",
    ]);
  });

  it("of a group tells who failed", async () => {
    await using parts = await online();
    const sending = parts.client.send({ target: { notificationKey: "group" } });
    await arrived(parts.connection, 1);
    parts.connection.ack(idOf(parts.connection), { success: 1, failure: 1, failed_registration_ids: ["tok-b"] });
    expect(await only(sending)).toMatchObject({
      kind: "accepted",
      group: { success: 1, failure: 1, failedRegistrationIds: ["tok-b"] },
    });
  });

  it("is no answer when it names an unknown ID, comes twice, or says something nobody knows", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice }) => notices.push(notice));
    connection.gcm({ message_type: "ack", message_id: "never-sent" });
    connection.gcm({ message_type: "nack", message_id: "never-sent", error: "INVALID_JSON" });
    connection.gcm({ message_type: "dance" });
    connection.gcm({ message_type: "control", control_type: "TEA_BREAK" });
    connection.gcm(["not", "an", "object"]);
    connection.write('<message><gcm xmlns="google:mobile:data">{"message_type":</gcm></message><message/>');
    connection.write('<presence/><message type="error"/><iq type="result" id="nothing"/>');
    const sending = client.send(message());
    await arrived(connection, 1);
    connection.ack(idOf(connection));
    connection.ack(idOf(connection));
    connection.nack(idOf(connection), "DEVICE_UNREGISTERED");
    expect(await only(sending)).toMatchObject({ kind: "accepted" });
    const second = client.send(message());
    await arrived(connection, 2);
    connection.ack(idOf(connection, 1));
    await second;
    stop();
    expect(notices).toEqual([
      "unknown-answer",
      "unknown-answer",
      "unknown-message-type",
      "unknown-control",
      "malformed-message",
      "malformed-message",
      "stanza-error",
      "unknown-answer",
      "unknown-answer",
    ]);
    expect(client.connections).toMatchObject([{ id: 1, phase: "open", pending: 0 }]);
  });
});

describe("a message ID", () => {
  it("may be the caller's, and not that of a message that is still pending", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const first = client.send({ ...message(), messageId: "mine" });
    await arrived(connection, 1);
    expect(idOf(connection)).toBe("mine");
    await expect(client.send({ ...message(), messageId: "mine" })).rejects.toBeInstanceOf(InvalidMessageError);
    connection.ack("mine");
    await first;
    const again = client.send({ ...message(), messageId: "mine" });
    await arrived(connection, 2);
    connection.ack("mine");
    expect(await only(again)).toMatchObject({ kind: "accepted" });
  });
});

describe("a message ID that is used again too early", () => {
  it("is refused also between two attempts, and the first send goes on", async () => {
    await using parts = await online();
    const { client, connection, clock } = parts;
    const retried = nextRetry();
    const first = client.send({ ...message(), messageId: "mine" });
    await arrived(connection, 1);
    connection.nack("mine", "SERVICE_UNAVAILABLE");
    await retried;
    await expect(client.send({ ...message(), messageId: "mine" })).rejects.toMatchObject({
      problems: [{ path: "messageId", problem: expect.stringContaining("still pending") }],
    });
    await expect(client.send({ ...message(), messageId: "mine" }, { receipt: true })).rejects.toBeInstanceOf(
      InvalidMessageError,
    );
    await clock.advance(2_000);
    await arrived(connection, 2);
    connection.ack("mine");
    expect(await only(first)).toMatchObject({ kind: "accepted", attempts: 2 });
  });

  it("waits for its slot and holds up nobody else", async () => {
    await using server = await startScriptedServer();
    await using transport = createCcsTransport(server.options());
    const connection = await server.next();
    const stop = new AbortController();
    const send = (token: string, id: string, signal?: AbortSignal) =>
      transport.send({ target: { token } } as DownstreamMessage, {
        messageIds: [id],
        ...(signal === undefined ? {} : { signal }),
      });
    const first = send("tok-a", "mine", stop.signal);
    await arrived(connection, 1);
    stop.abort();
    await first;
    const again = send("tok-a", "mine");
    const other = send("tok-b", "other");
    await arrived(connection, 2);
    expect(connection.messages[1]?.to).toBe("tok-b");
    connection.ack("other");
    expect(await only(other)).toMatchObject({ kind: "accepted" });
    // the answer to its ID: this transport takes it for another attempt of the same message
    connection.ack("mine");
    expect(await only(again)).toMatchObject({ kind: "accepted" });
  });
});

describe("what CCS cannot carry", () => {
  it.each([
    ["restrictedPackageName", { ...message(), restrictedPackageName: "com.example" }],
    ["target.fid", { target: { fid: "cEXAMPLE90123456789abc" }, data: { n: "1" } }],
    ["android", { ...message(), android: { directBootOk: true } }],
    ["apns", { ...message(), apns: { headers: { "apns-topic": "com.example" } } }],
    ["webpush", { ...message(), webpush: { headers: { Urgency: "high" } } }],
  ])("%s: refused before anything is written", async (path, unsendable) => {
    await using parts = await online();
    await expect(parts.client.send(unsendable)).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
      problems: [{ path }],
    });
    expect(parts.connection.messages).toEqual([]);
  });
});

describe("flow control", () => {
  it("holds message 101 until one of the first 100 is answered", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const sends = Array.from({ length: 101 }, (_, i) => client.send(message(`tok-${i}`)));
    await arrived(connection, 100);
    expect(client.connections).toMatchObject([{ pending: 100 }]);
    expect(client.pending).toBe(101);
    connection.nack(idOf(connection, 7), "INVALID_JSON");
    await arrived(connection, 101);
    expect(connection.messages[100]?.to).toBe("tok-100");
    connection.ackAll();
    expect(await Promise.all(sends)).toHaveLength(101);
  });

  it("is fair: who waits longest goes first, and who gives up leaves the line", async () => {
    await using parts = await online({ maxPendingMessages: 1 });
    const { client, connection } = parts;
    const stop = new AbortController();
    const sends = [
      client.send(message("tok-0")),
      client.send(message("tok-1")),
      client.send(message("tok-2"), { signal: stop.signal }),
      client.send(message("tok-3")),
    ];
    const given = expect(sends[2]).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await arrived(connection, 1);
    stop.abort();
    await given;
    connection.onMessage = ({ id }) => connection.ack(id);
    connection.ack(idOf(connection));
    await Promise.all([sends[0], sends[1], sends[3]]);
    expect(connection.messages.map(({ to }) => to)).toEqual(["tok-0", "tok-1", "tok-3"]);
  });

  it("lets acknowledgements of upstream messages pass while no message may be sent", async () => {
    await using parts = await online({ maxPendingMessages: 1, onUpstream: () => undefined });
    const { client, connection } = parts;
    const sends = [client.send(message()), client.send(message())];
    await arrived(connection, 1);
    connection.gcm({ from: "tok-a", message_id: "u-1", data: {} });
    await connection.until(() => connection.acks.length === 1);
    expect(connection.messages).toHaveLength(1);
    connection.ackAll();
    await Promise.all(sends);
  });

  it("keeps the slot of a message whose caller gave up: CCS still counts it", async () => {
    await using parts = await online({ maxPendingMessages: 1 });
    const { client, connection } = parts;
    const stop = new AbortController();
    const first = client.send(message("tok-0"), { signal: stop.signal });
    await arrived(connection, 1);
    stop.abort();
    expect(await only(first)).toMatchObject({ kind: "ambiguous", code: "aborted" });
    const second = client.send(message("tok-1"));
    await parts.clock.advance(1);
    expect(connection.messages).toHaveLength(1);
    connection.ack(idOf(connection));
    await arrived(connection, 2);
    connection.ack(idOf(connection, 1));
    expect(await only(second)).toMatchObject({ kind: "accepted" });
  });

  it("writes everything of one turn of the event loop in one piece", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    let packets = 0;
    connection.socket.on("data", () => {
      packets++;
    });
    const sends = Array.from({ length: 50 }, () => client.send(message()));
    await arrived(connection, 50);
    expect(packets).toBe(1);
    connection.ackAll();
    await Promise.all(sends);
  });
});

describe("connection draining", () => {
  it.each([
    ["the control message", (connection: ScriptedConnection) => connection.drain()],
    [
      "the same as a typed stanza",
      (connection: ScriptedConnection) =>
        connection.write(
          '<message type="normal" from="devices@gcm.googleapis.com"><gcm xmlns="google:mobile:data">{"message_type":"control","control_type":"CONNECTION_DRAINING"}</gcm></message>',
        ),
    ],
  ])(
    "on %s opens a successor, sends new messages there, and takes the old answers where they belong",
    async (_, drain) => {
      const upstream: string[] = [];
      await using parts = await online({
        onUpstream: ({ messageId }) => {
          upstream.push(messageId);
        },
      });
      const { server, client, connection } = parts;
      const old = client.send(message("tok-old"));
      await arrived(connection, 1);
      drain(connection);
      const second = await server.next();
      const fresh = client.send(message("tok-new"));
      await arrived(second, 1);
      expect(client.connections).toMatchObject([
        { id: 1, phase: "draining", pending: 1 },
        { id: 2, phase: "open", pending: 1 },
      ]);
      connection.gcm({ from: "tok-u", message_id: "u-1", data: {} });
      await connection.until(() => connection.acks.length === 1);
      expect(second.acks).toEqual([]);
      connection.ack(idOf(connection));
      expect(await only(old)).toMatchObject({ kind: "accepted", recipient: "tok-old" });
      second.ack(idOf(second));
      expect(await only(fresh)).toMatchObject({ kind: "accepted", recipient: "tok-new" });
      expect(connection.messages).toHaveLength(1);
      expect(second.messages).toHaveLength(1);
      connection.drain();
      connection.socket.end();
      await connection.until(() => connection.closed);
      expect(server.connections).toHaveLength(2);
    },
  );

  it("as a nack moves that message to the successor at once, under its ID", async () => {
    await using parts = await online();
    const { server, client, connection } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    connection.nack(idOf(connection), "CONNECTION_DRAINING", "go away");
    const second = await server.next();
    await arrived(second, 1);
    expect(idOf(second)).toBe(idOf(connection));
    second.ack(idOf(second));
    expect(await only(sending)).toMatchObject({ kind: "accepted", attempts: 1 });
  });

  it("sends again what is left when the server closes the old connection", async () => {
    await using parts = await online();
    const { server, client, connection } = parts;
    const sends = [client.send(message("tok-0")), client.send(message("tok-1"))];
    await arrived(connection, 2);
    connection.drain();
    const second = await server.next();
    connection.ack(idOf(connection, 0));
    connection.write("</stream:stream>");
    connection.socket.end();
    await arrived(second, 1);
    expect(second.messages).toMatchObject([{ to: "tok-1", id: idOf(connection, 1) }]);
    second.ackAll();
    await Promise.all(sends);
  });

  it("lets go of an old connection that the server never closes", async () => {
    await using parts = await online({ drainTimeoutMs: 30_000, ackTimeoutMs: 90_000 });
    const { server, client, connection, clock } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    connection.drain();
    const second = await server.next();
    await client.ready();
    await clock.advance(30_000);
    await connection.until(() => connection.closed);
    expect(connection.streamClosed).toBe(true);
    await arrived(second, 1);
    second.ackAll();
    expect(await only(sending)).toMatchObject({ kind: "accepted" });
  });

  it("may come right behind the login, and again on the successor", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient({ ...server.options(), random: () => 0 });
    const sending = client.send(message());
    for (let i = 0; i < 3; i++) (await server.next()).drain();
    const last = await server.next();
    last.ackAll();
    // the first connection may have had the message before it said that it drains
    for (const connection of server.connections) connection.ackAll();
    expect(await only(sending)).toMatchObject({ kind: "accepted" });
  });
});

describe("a lost connection", () => {
  it("has everything unanswered sent again, same IDs, same order, before newer messages", async () => {
    await using parts = await online({ maxPendingMessages: 5 });
    const { server, client, connection } = parts;
    const sends = Array.from({ length: 8 }, (_, i) => client.send(message(`tok-${i}`)));
    await arrived(connection, 5);
    connection.ack(idOf(connection, 1));
    await arrived(connection, 6);
    connection.socket.destroy();
    sends.push(client.send(message("tok-8")));
    const second = await server.next();
    second.ackAll();
    await Promise.all(sends);
    expect(second.messages.map(({ to }) => to)).toEqual([
      "tok-0",
      "tok-2",
      "tok-3",
      "tok-4",
      "tok-5",
      "tok-6",
      "tok-7",
      "tok-8",
    ]);
    expect(second.messages.slice(0, 5).map(({ id }) => id)).toEqual([0, 2, 3, 4, 5].map((i) => idOf(connection, i)));
  });

  it("takes an ack that came in its last packet, and does not send that message again", async () => {
    await using parts = await online();
    const { server, client, connection } = parts;
    const sends = [client.send(message("tok-0")), client.send(message("tok-1"))];
    await arrived(connection, 2);
    connection.ack(idOf(connection, 0));
    connection.socket.end();
    const second = await server.next();
    second.ackAll();
    await Promise.all(sends);
    expect(second.messages.map(({ to }) => to)).toEqual(["tok-1"]);
  });

  it('with ambiguous: "report" has nothing written again: the outcome says that the fate is unknown', async () => {
    await using parts = await online({ maxPendingMessages: 1 });
    const { server, client, connection } = parts;
    const written = client.send(message("tok-0"), { ambiguous: "report" });
    const waiting = client.send(message("tok-1"), { ambiguous: "report" });
    await arrived(connection, 1);
    connection.socket.destroy();
    expect(await only(written)).toMatchObject({ kind: "ambiguous", code: "connection-lost", attempts: 1 });
    const second = await server.next();
    second.ackAll();
    expect(await only(waiting)).toMatchObject({ kind: "accepted" });
    expect(second.messages.map(({ to }) => to)).toEqual(["tok-1"]);
  });

  it("to a topic is reported by default, since a repeat would reach everybody", async () => {
    await using parts = await online();
    const sending = parts.client.send({ target: { topic: "news" } });
    await arrived(parts.connection, 1);
    parts.connection.socket.destroy();
    expect(await only(sending)).toMatchObject({ kind: "ambiguous", recipient: "news" });
  });

  it("ends with the caller's deadline: unknown for what was written, retryable for what was not", async () => {
    await using parts = await online({ maxPendingMessages: 1 });
    const { server, client, connection, clock } = parts;
    server.script = () => undefined;
    const written = client.send(message("tok-0"), { timeoutMs: 5_000 });
    const waiting = client.send(message("tok-1"), { timeoutMs: 5_000 });
    await arrived(connection, 1);
    connection.socket.destroy();
    await connection.until(() => connection.closed);
    await server.next();
    await clock.advance(5_000);
    expect(await only(written)).toMatchObject({ kind: "ambiguous", code: "timeout" });
    expect(await only(waiting)).toMatchObject({ kind: "retryable" });
    expect(await only(written)).toMatchObject({ sentAt: clock.now() - 5_000 });
  });
});

describe("a message that is not answered", () => {
  it("costs its connection our trust: a successor takes over, and a late ack is recognised", async () => {
    await using parts = await online({
      ackTimeoutMs: 20_000,
      drainTimeoutMs: 500_000,
      pingIntervalMs: 1e6,
      keepAliveIntervalMs: 1e6,
    });
    const { server, client, connection, clock } = parts;
    const first = client.send(message("tok-0"));
    await arrived(connection, 1);
    await clock.advance(20_000);
    const second = await server.next();
    await arrived(second, 1);
    expect(idOf(second)).toBe(idOf(connection));
    expect(client.connections).toMatchObject([
      { phase: "draining", pending: 1 },
      { phase: "open", pending: 1 },
    ]);
    connection.ack(idOf(connection));
    expect(await only(first)).toMatchObject({ kind: "accepted" });
    // the slot on the second connection is CCS's until it answers there too
    expect(client.connections).toMatchObject([{ pending: 0 }, { pending: 1 }]);
    second.ack(idOf(second));
    const next = client.send(message("tok-1"));
    await arrived(second, 2);
    second.ack(idOf(second, 1));
    await next;
    expect(client.connections).toMatchObject([{ pending: 0 }, { pending: 0 }]);
  });

  it("is not late because somebody sets the clock, and keeps the time of day in its outcome", async () => {
    const clock = createManualClock();
    const setBy = (ms: number) => clock.setWallClock(clock.now() + ms);
    await using server = await startScriptedServer();
    const client = createCcsClient({ ...server.options(), clock, ackTimeoutMs: 20_000 });
    const connection = await server.next();
    await client.ready();
    const first = client.send(message());
    await connection.until(() => connection.messages.length === 1);
    connection.ack(connection.messages[0]?.id ?? "");
    await first;
    await clock.advance(15_000);
    setBy(7_200_000);
    const second = client.send(message());
    await connection.until(() => connection.messages.length === 2);
    const sentAt = clock.now();
    setBy(3_600_000);
    await clock.advance(10_000); // looks for late answers meanwhile
    expect(client.connections).toMatchObject([{ id: 1, phase: "open", pending: 1 }]);
    setBy(-18_000_000);
    connection.ack(connection.messages[1]?.id ?? "");
    expect((await second).outcomes).toMatchObject([{ kind: "accepted", attempts: 1, sentAt }]);
    await client.close();
  });

  it('with ambiguous: "report" ends there', async () => {
    await using parts = await online({ ackTimeoutMs: 20_000 });
    const { server, client, connection, clock } = parts;
    const sending = client.send(message(), { ambiguous: "report" });
    await arrived(connection, 1);
    await clock.advance(20_000);
    expect(await only(sending)).toMatchObject({ kind: "ambiguous", code: "timeout" });
    await server.next();
    expect(connection.messages).toHaveLength(1);
  });

  it("is not refused by a late nack while its copy is still to be answered", async () => {
    await using parts = await online({ ackTimeoutMs: 20_000 });
    const { server, client, connection, clock } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    await clock.advance(20_000);
    const second = await server.next();
    await arrived(second, 1);
    connection.nack(idOf(connection), "SERVICE_UNAVAILABLE");
    await connection.until(() => true);
    second.ack(idOf(second));
    expect(await only(sending)).toMatchObject({ kind: "accepted", attempts: 1 });
  });
});

describe("a message that is refused after its time was up", () => {
  const detail = expect.stringContaining("may have been accepted");
  const answered = async (ids: readonly ("first" | "second")[]) => {
    await using parts = await online({ ackTimeoutMs: 20_000, retry: false, drainTimeoutMs: 500_000 });
    const { server, client, connection, clock } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    await clock.advance(20_000);
    const second = await server.next();
    await arrived(second, 1);
    for (const which of ids) {
      const on = which === "first" ? connection : second;
      on.nack(idOf(connection), "SERVICE_UNAVAILABLE");
      // the answer to a request behind it shows that it was read
      on.write('<iq type="get" id="read" from="gcm.googleapis.com"><query xmlns="jabber:iq:version"/></iq>');
      await on.until(() => on.iqs.length > 0);
    }
    return only(sending);
  };

  it("was not accepted when every copy was refused", async () => {
    const outcome = await answered(["first", "second"]);
    expect(outcome).toMatchObject({ kind: "retryable", code: "unavailable" });
  });

  it("stays one that may have been accepted through the next attempt, while that copy is unanswered", async () => {
    await using parts = await online({ ackTimeoutMs: 20_000, retry: { maxAttempts: 2 }, drainTimeoutMs: 500_000 });
    const { server, client, connection, clock } = parts;
    const sending = client.send(message(), { timeoutMs: 100_000 });
    await arrived(connection, 1);
    await clock.advance(20_000);
    const second = await server.next();
    await arrived(second, 1);
    const retried = nextRetry();
    second.nack(idOf(second), "SERVICE_UNAVAILABLE");
    await retried;
    await clock.advance(2_000);
    await arrived(second, 2);
    second.nack(idOf(second), "SERVICE_UNAVAILABLE");
    expect(await only(sending)).toMatchObject({ kind: "ambiguous", refused: true, attempts: 2, detail });
  });

  it("is not sent again when the late ack of an earlier copy comes between two attempts", async () => {
    await using parts = await online({ ackTimeoutMs: 20_000, drainTimeoutMs: 500_000 });
    const { server, client, connection, clock } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    await clock.advance(20_000);
    const second = await server.next();
    await arrived(second, 1);
    const retried = nextRetry();
    second.nack(idOf(second), "SERVICE_UNAVAILABLE");
    await retried;
    connection.ack(idOf(connection), { registration_id: "tok-new" });
    connection.write('<iq type="get" id="read" from="gcm.googleapis.com"><query xmlns="jabber:iq:version"/></iq>');
    await connection.until(() => connection.iqs.length > 0);
    await clock.advance(2_000);
    expect(await only(sending)).toMatchObject({ kind: "accepted", canonicalRegistrationId: "tok-new", attempts: 2 });
    expect(second.messages).toHaveLength(1);
  });

  it("leaves nothing to a later message under its ID", async () => {
    await using parts = await online({ ackTimeoutMs: 20_000, retry: false, drainTimeoutMs: 500_000 });
    const { server, client, connection, clock } = parts;
    const first = client.send({ ...message(), messageId: "mine" });
    await arrived(connection, 1);
    await clock.advance(20_000);
    const second = await server.next();
    await arrived(second, 1);
    second.nack("mine", "SERVICE_UNAVAILABLE");
    expect(await only(first)).toMatchObject({ kind: "ambiguous", refused: true });
    connection.ack("mine");
    connection.write('<iq type="get" id="read" from="gcm.googleapis.com"><query xmlns="jabber:iq:version"/></iq>');
    await connection.until(() => connection.iqs.length > 0);
    await clock.advance(1);
    const later = client.send({ ...message(), messageId: "mine" });
    await arrived(second, 2);
    second.nack("mine", "SERVICE_UNAVAILABLE");
    expect(await only(later)).toMatchObject({ kind: "retryable" });
  });

  it("may have been accepted when a copy is still unanswered", async () => {
    expect(await answered(["second"])).toMatchObject({ kind: "ambiguous", code: "unavailable", refused: true, detail });
  });

  it("may have been accepted when the copy before it went down with its connection", async () => {
    await using parts = await online({ retry: { maxAttempts: 1 } });
    const { server, client, connection } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    connection.socket.destroy();
    const second = await server.next();
    await arrived(second, 1);
    second.nack(idOf(second), "SERVICE_UNAVAILABLE");
    expect(await only(sending)).toMatchObject({ kind: "ambiguous", refused: true, detail });
  });
});

describe("a key that is refused while messages are pending", () => {
  it("costs what is not written, and leaves the answers that the old connection still owes", async () => {
    await using parts = await online({ maxPendingMessages: 2 });
    const { server, client, connection } = parts;
    const sends = [client.send(message("tok-0")), client.send(message("tok-1")), client.send(message("tok-2"))];
    await arrived(connection, 2);
    const refused = nextEndWith(/refused the login/);
    server.script = async (other) => {
      await other.expect(/<stream:stream[^>]*>/);
      other.write(LOGIN.header + LOGIN.mechanisms);
      await other.expect(/<auth[^>]*>[^<]*<\/auth>/);
      other.write(LOGIN.failure);
    };
    connection.drain();
    await refused;
    expect(await only(sends[2] as (typeof sends)[0])).toMatchObject({
      kind: "rejected",
      code: "authentication-failed",
    });
    connection.ack(idOf(connection));
    expect(await only(sends[0] as (typeof sends)[0])).toMatchObject({ kind: "accepted" });
    connection.socket.destroy();
    expect(await only(sends[1] as (typeof sends)[0])).toMatchObject({ kind: "ambiguous", code: "connection-lost" });
    expect(await client.closed).toBeInstanceOf(AuthenticationError);
  });
});

describe("a listener of outcomes that aborts another message which waits", () => {
  it("leaves those behind it their outcome when the key is refused", async () => {
    await using server = await startScriptedServer(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(LOGIN.header + LOGIN.mechanisms);
      await connection.expect(/<auth[^>]*>[^<]*<\/auth>/);
      connection.write(LOGIN.failure);
    });
    await using client = createCcsClient({ ...server.options(), closeTimeoutMs: 100 });
    const abort = new AbortController();
    const first = client.send(message("tok-a"), { onOutcome: () => abort.abort() });
    const second = client.send(message("tok-b"), { signal: abort.signal });
    const third = client.send(message("tok-c"));
    await expect(second).rejects.toMatchObject({ code: "ERR_ABORTED" });
    for (const sending of [first, third]) {
      expect(await only(sending)).toMatchObject({ kind: "rejected", code: "authentication-failed" });
    }
  });

  it("keeps that one from being written after it was reported as aborted", async () => {
    let admit: () => void = () => undefined;
    const admitted = new Promise<void>((resolve) => (admit = resolve));
    await using server = await startScriptedServer(async (connection) => {
      await admitted;
      await login(connection);
    });
    // a busy process: time has passed, and no timer has fired
    const clock = createManualClock();
    let lateMs = 0;
    const late = { ...clock, monotonic: () => plusMs(clock.monotonic(), lateMs) };
    const client = createCcsClient({ ...server.options(), clock: late });
    const abort = new AbortController();
    const first = client.send({ ...message("tok-a"), timeToLiveSec: 1 }, { onOutcome: () => abort.abort() });
    const second = client.send(message("tok-b"), { signal: abort.signal });
    const third = client.send(message("tok-c"));
    lateMs = 5_000;
    admit();
    const connection = await server.next();
    await expect(second).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(await only(first)).toMatchObject({ kind: "rejected", code: "expired" });
    await arrived(connection, 1);
    connection.ackAll();
    expect(await only(third)).toMatchObject({ kind: "accepted" });
    expect(connection.messages.map(({ to }) => to)).toEqual(["tok-c"]);
    const closing = client.close();
    await clock.advance(60_000);
    await closing;
  });
});

describe("closing with messages pending", () => {
  it("waits for their answers", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    const closing = client.close();
    await expect(client.send(message())).rejects.toMatchObject({ code: "ERR_CLOSED" });
    connection.ack(idOf(connection));
    await closing;
    expect(await only(sending)).toMatchObject({ kind: "accepted" });
  });

  it("settles what is left at its time limit: ambiguous for what was written, retryable for what was not", async () => {
    await using parts = await online({ maxPendingMessages: 1, closeTimeoutMs: 3_000 });
    const { client, connection, clock } = parts;
    const written = client.send(message("tok-0"));
    const waiting = client.send(message("tok-1"));
    await arrived(connection, 1);
    const closing = client.close();
    await clock.advance(3_000);
    expect(await only(written)).toMatchObject({ kind: "ambiguous", code: "closed" });
    expect(await only(waiting)).toMatchObject({ kind: "retryable", code: "closed" });
    await closing;
    expect(clock.scheduled).toBe(0);
  });
});

describe("being idle", () => {
  it("is when every message has its outcome, also one between two attempts", async () => {
    await using parts = await online();
    const { client, connection, clock } = parts;
    await client.idle();
    const sending = client.send(message());
    let idle = false;
    const waiting = client.idle().then(() => {
      idle = true;
    });
    await arrived(connection, 1);
    connection.nack(idOf(connection), "SERVICE_UNAVAILABLE");
    while (client.connections[0]?.pending !== 0) await clock.advance(0);
    expect(idle).toBe(false);
    await clock.advance(1_500);
    await arrived(connection, 2);
    connection.ack(idOf(connection));
    await sending;
    await waiting;
    const stop = new AbortController();
    const never = client.send(message());
    const given = expect(client.idle({ signal: stop.signal })).rejects.toMatchObject({ code: "ERR_ABORTED" });
    stop.abort();
    await given;
    connection.ackAll();
    await never;
  });
});

describe("a signal that many sends share", () => {
  it("carries few listeners, however many messages, receipts and waits it is for", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const stop = new AbortController();
    const { signal } = stop;
    const sends = Array.from({ length: 30 }, (_, i) => client.send(message(`tok-${i}`), { receipt: true, signal }));
    const waits = Array.from({ length: 30 }, () => client.idle({ signal }).catch((error: unknown) => error));
    await arrived(connection, 30);
    connection.ackAll();
    const reports = await Promise.all(sends);
    const receipts = reports.map(({ receipts }) => receipts[0]);
    expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(10);
    stop.abort();
    expect(await Promise.all(receipts)).toEqual(receipts.map(() => undefined));
    await Promise.all(waits);
  });

  it("ends waiting to be idle", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const sending = client.send(message());
    await arrived(connection, 1);
    const stop = new AbortController();
    const waiting = client.idle({ signal: stop.signal });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ERR_ABORTED" });
    connection.ackAll();
    await sending;
    await client.idle();
  });
});

describe("several connections", () => {
  it("share the messages, the one with the fewest pending first, and shift the load when one is gone", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient({ ...server.options(), connections: 3, maxPendingMessages: 10 });
    const connections = [await server.next(), await server.next(), await server.next()] as const;
    while (client.connections.filter(({ phase }) => phase === "open").length < 3) await client.ready().then(tick);
    const sends = Array.from({ length: 40 }, (_, i) => client.send(message(`tok-${i}`)));
    await Promise.all(connections.map((connection) => arrived(connection, 10)));
    expect(client.connections.map(({ pending }) => pending)).toEqual([10, 10, 10]);
    const [lost] = connections;
    lost.socket.destroy();
    connections[1].ackAll();
    connections[2].ackAll();
    (await server.next()).ackAll();
    for (const { outcomes } of await Promise.all(sends)) expect(outcomes).toMatchObject([{ kind: "accepted" }]);
    const seen = server.connections.flatMap(({ messages }) => messages.map(({ id }) => id));
    expect(new Set(seen).size).toBe(40);
    expect(seen).toHaveLength(50);
  });

  const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
});
