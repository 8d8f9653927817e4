import type { EmulatedConnection } from "../servers/ccs.ts";
import { type CallInput, CallProblem, type ControlCall, done, ok, withBody } from "./call.ts";

/** Calls for CCS connections and messages held on them. */
export const CCS_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/connections",
    summary: "CCS connections that are online",
    run: ({ emulator }) => ok({ autoAck: emulator.ccs.autoAck, connections: emulator.ccs.connections.map(viewOf) }),
  },
  withBody({
    method: "POST",
    path: "/connections/auto-ack",
    summary: "Turns the automatic answers to CCS messages on or off",
    body: "autoAck",
    run({ emulator, body }) {
      emulator.ccs.autoAck = body.autoAck;
      return done();
    },
  }),
  withBody({
    method: "POST",
    path: "/connections/drain",
    summary: "Sends CONNECTION_DRAINING to one or all",
    body: "drain",
    run(call) {
      for (const connection of connectionsOf(call)) connection.drain({ nack: call.body.nack === true });
      return done();
    },
  }),
  withBody({
    method: "POST",
    path: "/connections/cut",
    summary: "Cuts one or all without a word",
    body: "cut",
    run(call) {
      for (const connection of connectionsOf(call)) connection.cut();
      return done();
    },
  }),
  withBody({
    method: "POST",
    path: "/connections/ack",
    summary: "Accepts a held CCS message, or all of them",
    body: "ack",
    run({ emulator, body }) {
      if (body.messageId === undefined) return ok({ acked: emulator.ccs.ackAll() });
      if (!emulator.ccs.ack(body.messageId)) throw new CallProblem(404, "no such message is held");
      return ok({ acked: 1 });
    },
  }),
  withBody({
    method: "POST",
    path: "/connections/nack",
    summary: "Refuses a held CCS message",
    body: "nack",
    run({ emulator, body }) {
      if (!emulator.ccs.nack(body.messageId, body.error, body.detail))
        throw new CallProblem(404, "no such message is held");
      return done();
    },
  }),
];

function connectionsOf({
  emulator,
  body,
}: CallInput<{ readonly connectionId?: number | undefined }>): readonly EmulatedConnection[] {
  const { connections } = emulator.ccs;
  if (body.connectionId === undefined) return connections;
  const found = connections.filter(({ id }) => id === body.connectionId);
  if (found.length === 0) throw new CallProblem(404, "no such connection");
  return found;
}

function viewOf({ id, phase, senderId, jid, pending, unackedUpstream }: EmulatedConnection): unknown {
  return { id, phase, senderId, jid, pending, unackedUpstream };
}
