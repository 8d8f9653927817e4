// CCS: flow control, acks, a nack of each kind that has its own action, a delivery receipt.
import { createCcsClient, createMemoryRegistrationStore } from "@cloud-messaging/ccs-client";

// what the service answers first, and what has to become of the message
const NACKS = [
  { error: "SERVICE_UNAVAILABLE", becomes: "accepted", action: "backs off, sends again" },
  { error: "INTERNAL_SERVER_ERROR", becomes: "accepted", action: "backs off, sends again" },
  { error: "DEVICE_MESSAGE_RATE_EXCEEDED", becomes: "accepted", action: "waits longer, sends again" },
  { error: "CONNECTION_DRAINING", becomes: "accepted", action: "sends again at once, on another connection" },
  { error: "DEVICE_UNREGISTERED", becomes: "unregistered", action: "removes the registration" },
  {
    error: "BAD_REGISTRATION",
    becomes: "unregistered",
    action: "removes the registration: the service says it is invalid",
  },
  { error: "INVALID_JSON", becomes: "rejected", action: "tells the caller" },
];

export async function flowControl({ emulator, narrator, tally }) {
  const devices = Array.from({ length: 10 }, () => emulator.createDevice());
  const special = NACKS.map(() => emulator.createDevice());
  const deviceOf = new Map([...devices, ...special].map((device) => [device.token, device]));
  const registrations = createMemoryRegistrationStore();
  for (const { token } of special) registrations.register("bob", token);
  registrations.onChange((change) => tally.change(change));

  const client = createCcsClient({
    ...emulator.ccsOptions(),
    registrations,
    // the documented waits are 1 s and more; a demo need not take that long
    retry: { minMs: 200, initialMs: 200, rateLimitedMinMs: 800 },
  });
  try {
    await client.ready();
    const plain = 250 - NACKS.length;
    const sends = [];
    for (let i = 0; i < plain; i++) {
      const mark = `bulk-${i}`;
      const { token } = devices[i % devices.length];
      sends.push(
        client
          .send({ target: { token }, data: { mark } })
          .then((report) => tally.report(report, (t) => deviceOf.get(t), mark, { acked: true })),
      );
    }
    await Promise.all(sends);
    const kept = emulator.stats.violations === 0 ? "never more than 100 of them unanswered" : "the window was exceeded";
    narrator.say("good", `${plain} messages`, `acked, ${kept}`, { event: "acks" });

    for (const [i, { error, becomes, action }] of NACKS.entries()) {
      const { token } = special[i];
      const detail = error === "BAD_REGISTRATION" ? `Invalid token on 'to' field: ${token}` : undefined;
      emulator.faults.next({ token, endpoint: "ccs", error, ...(detail === undefined ? {} : { detail }) });
      const report = await client.send({ target: { token }, data: { mark: error } });
      tally.report(report, (t) => deviceOf.get(t), error, { acked: true });
      const { outcome } = report;
      const mark = outcome.kind !== becomes ? "bad" : becomes === "accepted" ? "good" : "change";
      narrator.say(mark, error, `${action}: ${outcome.kind}`, {
        event: "nack",
        error,
        kind: outcome.kind,
      });
    }

    const [device] = devices;
    const report = await client.send({ target: { token: device.token }, data: { mark: "receipt" } }, { receipt: true });
    tally.report(report, (t) => deviceOf.get(t), "receipt", { acked: true });
    const receipt = await report.receipt;
    if (receipt?.originalMessageId === report.outcome.messageId) tally.count("receipts");
    narrator.say(
      "good",
      "delivery receipt",
      `${receipt.messageId} belongs to message ${report.outcome.messageId}, and was acked`,
      {
        event: "receipt",
      },
    );
  } finally {
    await client.close();
  }
}
