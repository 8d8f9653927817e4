import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { startEjabberd } from "../support/ejabberd.ts";
import { installed, mustRun } from "../support/programs.ts";
import { SENDER_ID } from "../support/prosody.ts";

const available = installed("ejabberdctl");
if (!available && !mustRun) console.warn("ejabberd is not installed: its test is skipped (apt-get install ejabberd)");

describe.runIf(available || mustRun)("against ejabberd, another server nobody here wrote", () => {
  it("logs in over direct TLS, binds, has its message echoed and its pings answered", async () => {
    const clock = createManualClock();
    await using ejabberd = await startEjabberd();
    await using client = createCcsClient({
      host: "127.0.0.1",
      port: ejabberd.port,
      tls: { ca: ejabberd.ca },
      senderId: ejabberd.senderId,
      apiKey: ejabberd.apiKey,
      login: SENDER_ID,
      clock,
      pingIntervalMs: 1_000,
      pingTimeoutMs: 1_000,
    });
    await client.ready();
    expect(client.connections[0]?.jid).toMatch(/^1234567890@gcm\.googleapis\.com\/.+/);
    for (let i = 0; i < 3; i++) {
      await clock.advance(1_000);
      // ejabberd knows no CCS: it sends the stanza back as one that nobody takes, and the client finds the message it belongs to
      const { outcomes } = await client.send({ target: { token: "tok-a" }, data: { text: `<é & "漢字" 👩🏽‍🚀>` } });
      expect(outcomes).toMatchObject([
        { kind: "rejected", code: "stanza-error", service: { error: "service-unavailable" } },
      ]);
    }
    expect(client.connections).toMatchObject([{ id: 1, phase: "open", pending: 0 }]);
  });
});
