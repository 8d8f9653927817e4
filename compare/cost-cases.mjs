// What a message costs each client, as cases of bench/lib/measure.mjs: servers that accept everything, each client in a process of its own.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inFlight } from "../bench/lib/in-flight.mjs";
import ccs from "./clients/ccs.mjs";
import fcmV1 from "./clients/fcm-v1.mjs";
import gcmHttp from "./clients/gcm-http.mjs";
import { environmentOf } from "./lib/client.mjs";
import { addressOf, startCcsServer, startHttpServer, token } from "./lib/pair.mjs";
import { Accepted } from "./lib/tally.mjs";

/** Accepts everything. `calls`: one message. */
export const NO_FAULT = {
  calls: (_protocol, name) => [[name(1)]],
  serve: ({ accept }) => accept,
  rounds: (name) => [[[name(1)]]],
  online: (connection, accept) => {
    connection.onMessage = accept;
  },
};
const nowhere = Object.assign(new Accepted(), { add() {} });

/** Opens a client in this process. `size`: messages per call; `width`: calls at the same time. */
const contestant =
  ({ open }, size, width) =>
  async (server) => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, server.environment);
    await import("@cloud-messaging/emulator/redirect");
    const opened = await open(server, () => undefined);
    let sent = 0;
    return {
      send(messages) {
        let left = messages;
        const call = async () => {
          const tokens = Array.from({ length: Math.min(size, left) }, () => token(++sent % 100_000));
          left -= tokens.length;
          let accepted = 0;
          await opened.send(tokens, (_token, word) => {
            if (word === "accepted") accepted++;
          });
          return accepted;
        };
        return inFlight(Math.ceil(messages / size), width, call);
      },
      async close() {
        await opened.close?.();
        process.exit(); // a peer may keep connections open
      },
    };
  };

function costCase(protocol, clients, { size, width, messages, start }) {
  return {
    name: protocol,
    unit: "message",
    messages,
    async startServer() {
      const server = await start();
      const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-compare-"));
      const value = { ...addressOf(server, { folder }), account: process.env.COMPARE_ACCOUNT };
      return { value: { ...value, environment: environmentOf(value) }, close: () => server.close() };
    },
    contestants: Object.fromEntries(
      Object.entries(clients)
        .filter(([name]) => name !== "ours-report")
        .map(([name, client]) => [name, contestant(client, size, width)]),
    ),
  };
}

export default [
  costCase("fcm-v1", fcmV1, {
    size: 100,
    width: 1,
    messages: 500,
    start: () => startHttpServer("fcm-v1", NO_FAULT, nowhere),
  }),
  costCase("gcm-http", gcmHttp, {
    size: 1,
    width: 32,
    messages: 500,
    start: () => startHttpServer("gcm-http", NO_FAULT, nowhere),
  }),
  costCase("ccs", ccs, { size: 1, width: 100, messages: 5_000, start: () => startCcsServer(NO_FAULT, nowhere) }),
];
