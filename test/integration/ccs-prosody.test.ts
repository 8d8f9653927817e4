import { createCcsClient } from "@cloud-messaging/ccs-client";
import { AuthenticationError, createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { installed, mustRun } from "../support/programs.ts";
import { SENDER_ID, startProsody } from "../support/prosody.ts";

const available = installed("prosody");
if (!available && !mustRun) console.warn("Prosody is not installed: its tests are skipped (apt-get install prosody)");

describe.runIf(available || mustRun)("against Prosody, a server nobody here wrote", () => {
  it("logs in over direct TLS, binds, sends, receives, acknowledges and closes", async () => {
    await using prosody = await startProsody();
    const upstream: Record<string, string>[] = [];
    const reported = new Promise<string>((resolve) => {
      upstream.push = (...items) => {
        for (const item of items) if (item["acks"] !== undefined) resolve(item["acks"]);
        return Array.prototype.push.apply(upstream, items);
      };
    });
    await using client = createCcsClient({
      host: "127.0.0.1",
      port: prosody.port,
      tls: { ca: prosody.ca },
      senderId: prosody.senderId,
      apiKey: prosody.apiKey,
      // Prosody takes the bare user name, and knows the domain from the stream
      login: SENDER_ID,
      resource: "app1",
      onUpstream: ({ data }) => {
        upstream.push(data);
      },
    });
    await client.ready();
    expect(client.connections).toMatchObject([{ phase: "open", jid: `${SENDER_ID}@gcm.googleapis.com/app1` }]);

    const text = `<é & "漢字" ' 👩🏽‍🚀>`;
    const { outcomes } = await client.send({ target: { token: "tok-a" }, data: { echo: text } });
    expect(outcomes).toMatchObject([{ kind: "accepted", recipient: "tok-a" }]);
    const many = await Promise.all(
      Array.from({ length: 500 }, (_, i) => client.send({ target: { token: `tok-${i}` }, data: { n: String(i) } })),
    );
    expect(many.every((report) => report.outcomes[0]?.kind === "accepted")).toBe(true);

    const { receipts, outcomes: sent } = await client.send({ target: { token: "tok-b" } }, { receipt: true });
    const id = sent[0]?.kind === "accepted" ? sent[0].messageId : undefined;
    expect(await receipts[0]).toMatchObject({ originalMessageId: id, messageId: `dr2:${id}` });

    await client.idle();
    await client.send({ target: { token: "tok-c" }, data: { report: "please" } });
    const acks = (await reported).split(",");
    expect(upstream).toContainEqual({ echo: text });
    expect(acks).toHaveLength(2);
    expect(acks).toContain(`gcm.googleapis.com dr2:${id}`);
    expect(acks.some((ack) => ack.startsWith("tok-a u-"))).toBe(true);
  });

  it("has its pings answered", async () => {
    const clock = createManualClock();
    await using prosody = await startProsody();
    await using client = createCcsClient({
      host: "127.0.0.1",
      port: prosody.port,
      tls: { ca: prosody.ca },
      senderId: prosody.senderId,
      apiKey: prosody.apiKey,
      login: SENDER_ID,
      clock,
      pingIntervalMs: 1_000,
      pingTimeoutMs: 1_000,
    });
    await client.ready();
    for (let i = 0; i < 5; i++) {
      await clock.advance(1_000);
      // an answer to a message written behind the ping shows that the ping has been answered too
      expect((await client.send({ target: { token: "tok" } })).outcomes).toMatchObject([{ kind: "accepted" }]);
    }
    expect(client.connections).toMatchObject([{ id: 1, phase: "open" }]);
  });

  it("is told plainly when the key is wrong", async () => {
    await using prosody = await startProsody();
    await using client = createCcsClient({
      host: "127.0.0.1",
      port: prosody.port,
      tls: { ca: prosody.ca },
      senderId: prosody.senderId,
      apiKey: "wrong",
      login: SENDER_ID,
    });
    await expect(client.ready()).rejects.toBeInstanceOf(AuthenticationError);
  });
});
