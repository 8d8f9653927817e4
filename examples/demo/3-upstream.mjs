// CCS: messages from devices, acked after the handler has done its work.
import { createCcsClient } from "@cloud-messaging/ccs-client";

export async function upstream({ emulator, narrator, tally }) {
  const device = emulator.createDevice();
  const handled = [];
  let failures = 0;
  const client = createCcsClient({
    ...emulator.ccsOptions(),
    async onUpstream(message) {
      if (message.data.order === "tea" && failures === 0) {
        failures++;
        narrator.say("wait", "the handler", "fails the first time: not acked, so the service delivers it again", {
          event: "handler-failed",
        });
        throw new Error("database is restarting");
      }
      handled.push(message.data.order);
      tally.count("upstream");
      narrator.say("good", "the handler", `has handled "${message.data.order}" from ${message.category}`, {
        event: "handled",
      });
    },
  });
  try {
    await client.ready();
    const coffee = device.sendUpstream({ order: "coffee" });
    await coffee.acked;
    narrator.say("good", "the device", "sees its message acknowledged", { event: "upstream-acked" });
    const tea = device.sendUpstream({ order: "tea" });
    await tea.acked;
    const times = handled.filter((order) => order === "tea").length;
    narrator.say(
      "good",
      "the device",
      `sees the second one acknowledged too; it was handled ${times === 1 ? "once" : `${times} times`}`,
      {
        event: "upstream-acked",
      },
    );
  } finally {
    await client.close();
  }
}
