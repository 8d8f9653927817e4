import { createCcsClient } from "@cloud-messaging/ccs-client";
import { describe, expect, it } from "vitest";
import { startScriptedServer } from "../support/ccs-scripted-server.ts";

describe("a CCS client", () => {
  it("connects, logs in as the sender, sends a message and reports its ack", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient(server.options());
    const sending = client.send({ target: { token: "tok-a" }, data: { n: "3" } });
    const connection = await server.next();
    expect(connection.credentials).toBe("\u00001234567890@gcm.googleapis.com\u0000AIza-EXAMPLE");

    await connection.until(() => connection.messages.length === 1);
    const [message] = connection.messages;
    expect(message?.json).toMatchObject({ to: "tok-a", data: { n: "3" } });
    connection.ack(message?.id as string);
    const report = await sending;
    expect(report.outcomes).toMatchObject([
      { kind: "accepted", recipient: "tok-a", messageId: message?.id, attempts: 1 },
    ]);
  });
});
