// CCS: draining in mid-traffic, then a connection that is cut with messages unacked.
import { createCcsClient, subscribe } from "@cloud-messaging/ccs-client";

export async function changingConnections({ emulator, narrator, tally }) {
  const device = emulator.createDevice();
  const client = createCcsClient({ ...emulator.ccsOptions(), reconnect: { initialMs: 100, maxMs: 1_000 } });
  const stop = [
    subscribe("cloud-messaging:ccs-connection", ({ connectionId, phase }) => {
      narrator.say("note", `connection ${connectionId}`, phase, { event: "connection", connectionId, phase });
    }),
    subscribe("cloud-messaging:ccs-resend", ({ messages, reason }) => {
      narrator.say("change", `${messages} messages`, `written again under their IDs: ${reason}`, {
        event: "resend",
        messages,
        reason,
      });
    }),
  ];
  const send = async (mark) => {
    const report = await client.send({ target: { token: device.token }, data: { mark } });
    tally.report(report, () => device, mark, { acked: true });
  };
  try {
    await client.ready();
    const arrived = emulator.inbox.total;
    const first = Array.from({ length: 300 }, (_, i) => send(`drain-${i}`));
    await emulator.inbox.waitFor({ count: arrived + 20 });
    narrator.say("wait", "the service", "CONNECTION_DRAINING, in the middle of the traffic", { event: "drain" });
    emulator.ccs.drainAll();
    await Promise.all(first);
    narrator.say("good", "300 messages", "acked over two connections", { event: "acks" });

    emulator.faults.cutAfter({ messages: 30 });
    const second = Array.from({ length: 100 }, (_, i) => send(`cut-${i}`));
    await Promise.all(second);
    narrator.say("good", "100 messages", "acked although the connection was cut before the 30th ack", {
      event: "acks",
    });
  } finally {
    for (const unsubscribe of stop) unsubscribe();
    await client.close();
  }
}
