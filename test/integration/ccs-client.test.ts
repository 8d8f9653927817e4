import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, InvalidOptionsError } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { login, startScriptedServer } from "../support/ccs-scripted-server.ts";

describe("a CCS client", () => {
  it.each([[undefined], [null], ["123"], [{}]])("is refused its options when they are %j", (options) => {
    const create = createCcsClient as (options: unknown) => unknown;
    expect(() => create(options)).toThrow(InvalidOptionsError);
  });

  it("says why it cannot connect, until it can", async () => {
    await using server = await startScriptedServer((connection) => void connection.socket.destroy());
    const clock = createManualClock();
    const client = createCcsClient({ ...server.options(), clock, random: () => 0.5 });
    expect(client.lastError).toBeUndefined();
    while (client.lastError === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(client.lastError?.message).toMatch(/closed the connection|failed/);
    expect(client.connections).toEqual([]);
    await expect(client.ready({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      message: expect.stringContaining((client.lastError as Error | undefined)?.message as string),
    });
    server.script = login;
    await clock.advance(60_000);
    await client.ready();
    expect(client.lastError).toBeUndefined();
    await client.close();
  });

  it("is refused a handler that is no function: every message would fail, until each was given up", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient(server.options());
    const refused = { code: "ERR_INVALID_OPTIONS" };
    expect(() => client.onUpstream({} as never)).toThrow(expect.objectContaining(refused));
    expect(() => client.onReceipt(undefined as never)).toThrow(expect.objectContaining(refused));
  });

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
