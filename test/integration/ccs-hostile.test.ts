import { createCcsClient } from "@cloud-messaging/ccs-client";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gcmStanza, startScriptedServer } from "../support/ccs-scripted-server.ts";

const message = { target: { token: "tok-a" }, data: { n: "1" } };

/** Pieces of what a stream may hold, in any order, and noise between them. */
const xmlNoise = fc.array(
  fc.oneof(
    fc.constantFrom(
      "<message>",
      "</message>",
      "<message type='error'>",
      '<gcm xmlns="google:mobile:data">',
      "</gcm>",
      "<data:gcm xmlns:data='google:mobile:data'>",
      "</stream:stream>",
      "<stream:error>",
      "<stream:features/>",
      '<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>',
      '<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>',
      "<iq type='get' id='1'>",
      "<iq/>",
      "<!-- -->",
      "<![CDATA[",
      "]]>",
      "<?xml version='1.0'?>",
      "<!DOCTYPE a>",
      "&#0;",
      "&nbsp;",
      "&lt;",
      '{"message_type":"ack","message_id":"m-1"}',
      "\u0000",
      "\ufeff",
      " ",
    ),
    fc.string({ unit: "binary", maxLength: 20 }),
  ),
  { minLength: 1, maxLength: 12 },
);

describe("a server that sends garbage", () => {
  it("costs its connection at most, and never the client: the next message goes through", async () => {
    await using server = await startScriptedServer();
    const { script } = server;
    server.script = async (connection) => {
      await script(connection);
      connection.ackAll();
    };
    await using client = createCcsClient({
      ...server.options(),
      random: () => 0,
      reconnect: { initialMs: 1, maxMs: 1 },
    });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          xmlNoise.map((pieces) => Buffer.from(pieces.join(""))),
          fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        ),
        async (noise) => {
          await client.ready();
          const connection = server.connections.findLast(({ closed }) => !closed);
          connection?.write(noise);
          connection?.socket.end();
          const { outcomes } = await client.send(message);
          expect(outcomes).toMatchObject([{ kind: "accepted" }]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("as JSON costs nothing: the connection stays", async () => {
    await using server = await startScriptedServer();
    const upstream: string[] = [];
    await using client = createCcsClient({
      ...server.options(),
      onUpstream: ({ messageId }) => {
        upstream.push(messageId);
      },
      onReceipt: () => undefined,
    });
    const connection = await server.next();
    connection.ackAll();
    const anything = fc.jsonValue({ maxDepth: 2 });
    const frame = fc.oneof(
      anything,
      fc.record(
        {
          message_type: fc.oneof(fc.constantFrom("ack", "nack", "receipt", "control", "dance"), anything),
          message_id: fc.oneof(fc.string(), anything),
          from: fc.oneof(fc.string(), anything),
          data: anything,
          error: anything,
          error_description: anything,
          registration_id: anything,
          control_type: fc.oneof(fc.constant("TEA_BREAK"), anything),
          success: anything,
          failed_registration_ids: anything,
          time_to_live: anything,
        },
        { requiredKeys: [] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(frame, async (json) => {
        connection.write(gcmStanza(json as object));
        const { outcomes } = await client.send(message);
        expect(outcomes).toMatchObject([{ kind: "accepted" }]);
      }),
      { numRuns: 300 },
    );
    expect(client.connections).toMatchObject([{ id: 1, phase: "open", pending: 0 }]);
  });

  it("during the login is a failed attempt, whatever it is", async () => {
    let noise = "";
    await using server = await startScriptedServer();
    const { script } = server;
    await fc.assert(
      fc.asyncProperty(xmlNoise, fc.nat({ max: 2 }), async (pieces, after) => {
        noise = pieces.join("");
        let attempts = 0;
        server.script = async (connection) => {
          if (attempts++ > 0) {
            await script(connection);
            connection.ackAll();
            return;
          }
          const waits = [/<stream:stream[^>]*>/, /<auth[^>]*>[^<]*<\/auth>/];
          for (const wait of waits.slice(0, after)) {
            await connection.expect(wait);
            connection.write(
              '<stream:stream version="1.0" xmlns:stream="http://etherx.jabber.org/streams" xmlns="jabber:client"><stream:features><mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms></stream:features>',
            );
          }
          connection.write(noise);
          connection.socket.end();
        };
        const client = createCcsClient({ ...server.options(), random: () => 0 });
        const [outcome] = (await client.send(message)).outcomes;
        // a failure element in the noise is a refusal like any other, and a first answer that is no stream is another protocol's;
        // everything else is tried again
        const rejected = outcome?.kind === "rejected" ? outcome.code : undefined;
        const allowed =
          outcome?.kind === "accepted" ||
          (rejected === "authentication-failed" && noise.includes("<failure")) ||
          (rejected === "wrong-protocol" && after === 0);
        expect([allowed, outcome]).toEqual([true, outcome]);
        await client.close();
      }),
      { numRuns: 60 },
    );
  });
});
