// One client under one fault: starts the server, runs the client, counts.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { loginWithoutSession, startScriptedServer, upstreamStanza } from "../../test/support/ccs-scripted-server.ts";
import { startV1Server } from "../../test/support/fcm-v1-server.ts";
import { runClient } from "./client.mjs";
import { Accepted, tally, tallyUpstream } from "./tally.mjs";
import { WIRES } from "./wire.mjs";

/** A registration token that every client takes for one. */
export const token = (n) => `c${String(n).padStart(7, "0")}TESTdefghijk:APA91b${"x".repeat(134)}`;

/** Starts an HTTP server with the fault. What it processes is counted in `accepted`. */
export async function startHttpServer(protocol, fault, accepted) {
  const wire = WIRES[protocol];
  const count = (tokens) => {
    for (const one of tokens) accepted.add(one);
  };
  const server = await startV1Server();
  const serve = fault.serve({
    count,
    accept(exchange, tokens, { counted = false } = {}) {
      if (!counted) count(tokens);
      answer(exchange, 200, wire.accepted(tokens));
    },
    refuse: (exchange, status, headers) => answer(exchange, status, wire.refusals[status], headers),
  });
  server.otherwise = (exchange) => {
    accepted.seen++;
    serve(exchange, wire.tokensOf(JSON.parse(exchange.request.body)));
  };
  return server;
}

/** Runs a client against an HTTP server with the fault. */
export async function runOverHttp(of, fault, context, options) {
  const accepted = new Accepted();
  const server = await startHttpServer(of.protocol, fault, accepted);
  try {
    const calls = fault.calls(of.protocol, token);
    const { told, ...rest } = await runClient(of, addressOf(server, context), [calls], options);
    return { counts: tally(calls.flat(), accepted, told), ...rest };
  } finally {
    await server.close();
  }
}

function answer(exchange, status, body, headers) {
  try {
    exchange.answer(status, typeof body === "string" ? body : JSON.stringify(body), headers);
  } catch {
    // the client has given the stream up
  }
}

/** Starts a CCS server with the fault. What it processes is counted in `accepted`. */
export function startCcsServer(fault, accepted) {
  return startScriptedServer(async (connection) => {
    await loginWithoutSession(connection);
    const accept = ({ to, id }, { ack = true } = {}) => {
      accepted.add(to, id);
      if (ack) connection.gcm({ message_type: "ack", from: to, message_id: id });
    };
    fault.online(connection, accept);
    const { onMessage } = connection;
    connection.onMessage = (message) => {
      accepted.seen++;
      onMessage(message);
    };
  });
}

/** Runs a client against a CCS server with the fault. */
export async function runOverCcs(of, fault, context, options) {
  const accepted = new Accepted();
  const server = await startCcsServer(fault, accepted);
  try {
    const rounds = fault.rounds(token);
    const { told, ...rest } = await runClient(of, addressOf(server, context), rounds, options);
    return { counts: tally(rounds.flat(2), accepted, told), ...rest };
  } finally {
    await server.close();
  }
}

const TEXT = "Grüße 😀 名前";

/** Sends a client one upstream message for each byte of such a stanza, cut there; on the next connection where the one before was lost. */
export async function runCutUpstream(of, context) {
  const bytes = Buffer.byteLength(stanza(100));
  const sent = new Map();
  const handled = [];
  let over;
  const until = new Promise((resolve) => {
    over = resolve;
  });
  const server = await startScriptedServer(async (connection) => {
    await loginWithoutSession(connection);
    while (sent.size < bytes - 1 && !connection.closed) {
      const at = sent.size + 1;
      const id = `u-${100 + at}`;
      sent.set(id, TEXT);
      const whole = Buffer.from(stanza(100 + at));
      connection.write(whole.subarray(0, at));
      // the second part leaves in a packet of its own, once the first has been read
      await delay(5);
      connection.write(whole.subarray(at));
      const answered = () => connection.acks.some((ack) => ack.id === id) || connection.closed;
      await Promise.race([connection.until(answered), delay(500)]);
    }
    if (sent.size === bytes - 1) over();
  });
  try {
    const hear = (message) => handled.push(message);
    const { ended } = await runClient(of, addressOf(server, context), [[]], { hear, until });
    const acked = new Set(server.connections.flatMap(({ acks }) => acks.map(({ id }) => id)));
    return { counts: tallyUpstream(sent, handled, acked), ended };
  } finally {
    await server.close();
  }
}

const stanza = (n) =>
  upstreamStanza({ data: { text: TEXT }, from: "tok-a", message_id: `u-${n}`, category: "com.example.app" });

/** Address of a server of either kind, as a client's process takes it; the redirect wants the CA as a file. */
export function addressOf({ origin, port, ca }, { folder, account }) {
  const host = origin === undefined ? `127.0.0.1:${port}` : new URL(origin).host;
  const caFile = join(folder, `${host.replace(":", "-")}.pem`);
  writeFileSync(caFile, ca);
  return { host, caFile, account };
}
