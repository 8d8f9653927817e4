import { createCcsClient, createCcsTransport, type ReceiptContext } from "@cloud-messaging/ccs-client";
import {
  createManualClock,
  type DeliveryReceipt,
  type DownstreamMessage,
  type RegistrationToken,
  subscribe,
} from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { type ScriptedConnection, startScriptedServer, upstreamStanza } from "../support/ccs-scripted-server.ts";

async function online(options: object = {}) {
  const clock = createManualClock();
  const server = await startScriptedServer();
  const client = createCcsClient({ ...server.options(), clock, ...options });
  const connection = await server.next();
  await client.ready();
  return {
    server,
    client,
    connection,
    clock,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
    },
  };
}

const receiptFor = (connection: ScriptedConnection, id: string, prefix = "dr2:", from = "gcm.googleapis.com"): void =>
  connection.write(
    upstreamStanza({
      category: "com.example.app",
      data: {
        message_status: "MESSAGE_SENT_TO_DEVICE",
        original_message_id: id,
        device_registration_id: "tok-a",
        message_sent_timestamp: "1430277821658",
      },
      message_id: `${prefix}${id}`,
      message_type: "receipt",
      from,
    }),
  );
const message = { target: { token: "tok-a" }, data: { n: "1" } };
const arrived = (connection: ScriptedConnection, count = 1) =>
  connection.until(() => connection.messages.length >= count);
const acked = (connection: ScriptedConnection, count: number) =>
  connection.until(() => connection.acks.length >= count);

describe("a delivery receipt", () => {
  it.each([
    ["dr2:", "gcm.googleapis.com"],
    ["dr:", "gcm.googleapis.com"],
    ["anything-", "fcm.googleapis.com"],
  ])("with the prefix %s from %s is acked whole, to where it came from", async (prefix, from) => {
    const seen: DeliveryReceipt[] = [];
    await using parts = await online({ onReceipt: (receipt: DeliveryReceipt) => void seen.push(receipt) });
    receiptFor(parts.connection, "m-1", prefix, from);
    await acked(parts.connection, 1);
    expect(parts.connection.acks).toEqual([{ id: `${prefix}m-1`, to: from }]);
    expect(seen).toEqual([
      {
        messageId: `${prefix}m-1`,
        from,
        originalMessageId: "m-1",
        status: "MESSAGE_SENT_TO_DEVICE",
        deviceRegistrationId: "tok-a",
        sentAt: 1_430_277_821_658,
        category: "com.example.app",
      },
    ]);
  });

  it("of each device of a group reaches the handler, though the service names them all alike", async () => {
    const seen: (string | undefined)[] = [];
    await using parts = await online({
      onReceipt: ({ deviceRegistrationId }: DeliveryReceipt) => void seen.push(deviceRegistrationId),
    });
    const { connection } = parts;
    const of = (device: string, sentAt: string): void =>
      connection.write(
        upstreamStanza({
          data: { original_message_id: "m-1", device_registration_id: device, message_sent_timestamp: sentAt },
          message_id: "dr2:m-1",
          message_type: "receipt",
          from: "gcm.googleapis.com",
        }),
      );
    of("tok-a", "1430277821658");
    of("tok-b", "1430277821658");
    await acked(connection, 2);
    // the same again, and then one of a later message with that ID
    of("tok-b", "1430277821658");
    of("tok-b", "1430277999999");
    await acked(connection, 4);
    expect(seen).toEqual(["tok-a", "tok-b", "tok-b"]);
  });

  it("can be waited for with the send, which asks for it", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const sending = client.send(message, { receipt: true });
    await arrived(connection);
    const [sent] = connection.messages;
    expect(sent?.json).toMatchObject({ delivery_receipt_requested: true });
    connection.ack(sent?.id as string);
    const report = await sending;
    receiptFor(connection, sent?.id as string);
    expect(await report.receipts[0]).toMatchObject({ originalMessageId: sent?.id, status: "MESSAGE_SENT_TO_DEVICE" });
    await acked(connection, 1);
    expect(connection.acks).toEqual([{ id: `dr2:${sent?.id}`, to: "gcm.googleapis.com" }]);
  });

  it("is asked for with `send` alone, and only where `receipt` is true", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const sending = client.send(message, { receipt: false });
    await arrived(connection);
    expect(connection.messages[0]).not.toHaveProperty("delivery_receipt_requested");
    connection.ackAll();
    expect(await sending).not.toHaveProperty("receipts");
    const refused = { code: "ERR_INVALID_OPTIONS", problems: [{ path: "receipt" }] };
    await expect(client.sendToUser("ada", { data: { n: "1" } }, { receipt: true } as object)).rejects.toMatchObject(
      refused,
    );
  });

  it("may overtake the ack of its message", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const sending = client.send(message, { receipt: true });
    await arrived(connection);
    const id = connection.messages[0]?.id as string;
    receiptFor(connection, id);
    connection.ack(id);
    expect(await (await sending).receipts[0]).toMatchObject({ originalMessageId: id });
  });

  it("is joined to the send it belongs to, and reaches the handler also when that is unknown", async () => {
    const contexts: (ReceiptContext["sent"] | undefined)[] = [];
    await using parts = await online({
      onReceipt: (_: DeliveryReceipt, context: ReceiptContext) => void contexts.push(context.sent),
    });
    const { client, connection, clock } = parts;
    const sending = client.send({ ...message, deliveryReceiptRequested: true });
    await arrived(connection);
    const id = connection.messages[0]?.id as string;
    connection.ack(id);
    await sending;
    receiptFor(connection, id);
    receiptFor(connection, "from-before-the-restart");
    await acked(connection, 2);
    expect(contexts).toContainEqual({ recipient: "tok-a", sentAt: clock.now() });
    expect(contexts).toContain(undefined);
  });

  it("that comes twice is acked twice and handled once", async () => {
    let handled = 0;
    await using parts = await online({ onReceipt: () => void handled++ });
    receiptFor(parts.connection, "m-1");
    await acked(parts.connection, 1);
    receiptFor(parts.connection, "m-1");
    await acked(parts.connection, 2);
    expect(handled).toBe(1);
  });

  it("that nobody handles or waits for is acked, and an event tells of it; those that come later reach a handler that is set later", async () => {
    await using parts = await online();
    const { client, connection } = parts;
    const events: object[] = [];
    const stop = subscribe("cloud-messaging:ccs-upstream", (event) => events.push(event));
    receiptFor(connection, "m-1");
    await acked(connection, 1);
    stop();
    expect(events).toEqual([{ connectionId: 1, type: "receipt", messageId: "dr2:m-1", result: "discarded" }]);
    const seen: string[] = [];
    client.onReceipt(({ originalMessageId }) => void seen.push(originalMessageId));
    receiptFor(connection, "m-2");
    await acked(connection, 2);
    expect(seen).toEqual(["m-2"]);
  });

  it("reaches who waits for it while handlers are busy with others", async () => {
    await using parts = await online({
      handlerConcurrency: 1,
      closeTimeoutMs: 0,
      onReceipt: () => new Promise(() => {}),
    });
    const { client, connection, clock } = parts;
    receiptFor(connection, "of-an-earlier-process");
    const sending = client.send(message, { receipt: true });
    await arrived(connection);
    const id = connection.messages[0]?.id as string;
    connection.ack(id);
    receiptFor(connection, id);
    expect(await (await sending).receipts[0]).toMatchObject({ originalMessageId: id });
    const closing = client.close();
    await clock.advance(60_000);
    await closing;
  });

  it("of an earlier message is no receipt of a later one with the same ID, be it known or come again", async () => {
    await using parts = await online({ receiptTimeoutMs: 5_000 });
    const { client, connection, clock } = parts;
    const first = client.send({ ...message, messageId: "mine" }, { receipt: true });
    await arrived(connection);
    connection.ack("mine");
    receiptFor(connection, "mine");
    expect(await (await first).receipts[0]).toMatchObject({ deviceRegistrationId: "tok-a" });
    const second = client.send({ ...message, target: { token: "tok-b" }, messageId: "mine" }, { receipt: true });
    await arrived(connection, 2);
    connection.ack("mine");
    const { receipts } = await second;
    receiptFor(connection, "mine");
    await acked(connection, 2);
    await clock.advance(5_000);
    expect(await receipts[0]).toBeUndefined();
  });

  it("is found by the ID that the transport itself made", async () => {
    await using server = await startScriptedServer();
    await using transport = createCcsTransport(server.options());
    const connection = await server.next();
    const target = { tokens: ["tok-a", "tok-b"] as unknown as readonly RegistrationToken[] };
    const sending = transport.send({ target, deliveryReceiptRequested: true } as DownstreamMessage);
    await arrived(connection, 2);
    connection.ackAll();
    const { outcomes } = await sending;
    const { messageId } = outcomes[0] as { messageId: string };
    expect(messageId).toBe(connection.messages[0]?.id);
    const waiting = transport.receiptFor(messageId);
    receiptFor(connection, messageId);
    expect(await waiting).toMatchObject({ originalMessageId: messageId });
    await acked(connection, 1);
    for (const options of [null, { timeoutMs: -1 }, { signal: {} }, { timeout: 1 }] as object[]) {
      await expect(transport.receiptFor(messageId, options)).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    }
  });

  it("that does not come in time proves nothing: undefined", async () => {
    await using parts = await online({ receiptTimeoutMs: 5_000 });
    const { client, connection, clock } = parts;
    const sending = client.send({ target: { tokens: ["tok-a", "tok-b"] }, data: { n: "1" } }, { receipt: true });
    await arrived(connection, 2);
    connection.ack(connection.messages[0]?.id as string);
    connection.nack(connection.messages[1]?.id as string, "INVALID_JSON");
    const { receipts } = await sending;
    expect(await receipts[1]).toBeUndefined();
    await clock.advance(5_000);
    expect(await receipts[0]).toBeUndefined();
  });
});
