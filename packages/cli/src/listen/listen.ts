import { type DeliveryReceipt, subscribe, type UpstreamMessage } from "@cloud-messaging/core";
import { defined, onAbort } from "@cloud-messaging/core/transport";
import { EXIT_STATUS } from "../exit-status.ts";
import { type Command, defineCommand } from "../line/command.ts";
import { negatable, number } from "../line/options.ts";
import { shortened } from "../output/outcomes.ts";
import type { Output } from "../output/output.ts";
import { openCcs } from "../service/open-sender.ts";
import { CONNECTION_OPTIONS } from "../service/settings.ts";

const { apiKeyFile, senderId, endpoint, ca, timeout } = CONNECTION_OPTIONS;

/** Arrival on a connection. */
type Arrival =
  | ({ readonly type: "upstream" } & UpstreamMessage)
  | ({ readonly type: "receipt" } & DeliveryReceipt)
  | { readonly type: "connection"; readonly phase: string; readonly reason?: string };

/** The command `listen`. */
export const listen: Command = defineCommand({
  name: "listen",
  summary: "print upstream messages, receipts and the state of a CCS connection as they come",
  notes:
    "Runs until Ctrl-C. An acknowledged message is gone for every other client of the sender ID. With --no-ack CCS delivers again what was\nprinted, to the next connection, and stops after 100 messages that are not acknowledged.",
  options: {
    ack: negatable("acknowledge upstream messages once they are printed (the default)", "leave them unacknowledged"),
    count: number("NUMBER", "end after so many messages and receipts", { min: 1 }),
    apiKeyFile,
    senderId,
    endpoint,
    ca,
    timeout,
  },
  examples: ["cloud-messaging listen --sender-id 1234567890 --api-key-file key.txt --no-ack --json"],
  async run(context, options) {
    const { output, signal } = context;
    const { ack = true, count = Number.POSITIVE_INFINITY } = options;
    const done = new AbortController();
    const forget = onAbort(signal, () => done.abort());
    let printed = 0;
    const print = async (arrival: Arrival): Promise<void> => {
      if (printed >= count) return;
      if (arrival.type !== "connection") printed++;
      await output.value(arrival, () => inWords(arrival, output));
      if (printed >= count) done.abort();
    };
    const unsubscribe = subscribe("cloud-messaging:ccs-connection", ({ phase, reason }) => {
      void print({ type: "connection", phase, ...defined({ reason }) });
    });
    const client = await openCcs(options, context, {
      handlerConcurrency: MAX_UNACKED,
      ...(ack ? {} : { closeTimeoutMs: 0 }),
      async onUpstream(message, { signal: closing }) {
        await print({ type: "upstream", ...message });
        // held until the client closes, and not acknowledged then
        if (!ack) await new Promise((_, reject) => onAbort(closing, () => reject(new Error("not acknowledged"))));
      },
      onReceipt: (receipt) => print({ type: "receipt", ...receipt }),
    });
    try {
      const error = await Promise.race([
        client.closed,
        new Promise<undefined>((end) => onAbort(done.signal, () => end(undefined))),
      ]);
      if (error === undefined) return EXIT_STATUS.done;
      output.note(error.message);
      return EXIT_STATUS.failed;
    } finally {
      forget();
      await client.close();
      unsubscribe();
    }
  },
});

/** Unacknowledged messages after which CCS stops delivering. Source: docs/protocol/ccs.md#flow-control */
const MAX_UNACKED = 100;

function inWords(arrival: Arrival, output: Output): string {
  switch (arrival.type) {
    case "upstream": {
      const { from, messageId, data } = arrival;
      return [output.paint("green", "upstream"), shortened(from), messageId, JSON.stringify(data)].join("  ");
    }
    case "receipt":
      return [output.paint("cyan", "receipt"), arrival.originalMessageId, arrival.status].join("  ");
    case "connection":
      return output.paint("dim", ["connection", arrival.phase, arrival.reason].filter(Boolean).join("  "));
  }
}
