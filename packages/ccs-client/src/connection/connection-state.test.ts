import { ConnectionError } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { type ConnectionEvent, type ConnectionState, transition } from "./connection-state.ts";

const cause = new ConnectionError("cut");
const S = {
  connecting: { phase: "connecting" },
  open: { phase: "open", jid: "j" },
  draining: { phase: "draining", jid: "j", reason: "control" },
  closing: { phase: "closing" },
  closed: { phase: "closed" },
  lost: { phase: "closed", cause },
} as const satisfies Record<string, ConnectionState>;
const E = {
  online: { type: "online", jid: "j" },
  onlineDraining: { type: "online", jid: "j", drain: "control" },
  drain: { type: "drain", reason: "control" },
  drainAgain: { type: "drain", reason: "ack-timeout" },
  close: { type: "close" },
  ended: { type: "ended", cause },
} as const satisfies Record<string, ConnectionEvent>;

describe("the state of a connection", () => {
  it.each<[keyof typeof S, keyof typeof E, keyof typeof S]>([
    ["connecting", "online", "open"],
    ["connecting", "onlineDraining", "draining"],
    ["connecting", "drain", "connecting"],
    ["open", "onlineDraining", "open"],
    ["connecting", "close", "closed"],
    ["connecting", "ended", "lost"],
    ["open", "online", "open"],
    ["open", "drain", "draining"],
    ["open", "close", "closing"],
    ["open", "ended", "lost"],
    ["draining", "online", "draining"],
    ["draining", "drainAgain", "draining"],
    ["draining", "close", "closing"],
    ["draining", "ended", "lost"],
    ["closing", "online", "closing"],
    ["closing", "drain", "closing"],
    ["closing", "close", "closing"],
    ["closing", "ended", "closed"],
    ["closed", "online", "closed"],
    ["closed", "drain", "closed"],
    ["closed", "close", "closed"],
    ["closed", "ended", "closed"],
    ["lost", "close", "lost"],
    ["lost", "ended", "lost"],
  ])("%s, then %s: %s", (from, event, to) => {
    expect(transition(S[from], E[event])).toEqual(S[to]);
  });

  it("stays the same object if an event changes nothing, so that no effect runs twice", () => {
    for (const state of Object.values(S)) {
      for (const event of Object.values(E)) {
        const next = transition(state, event);
        if (JSON.stringify(next) === JSON.stringify(state)) expect(next).toBe(state);
      }
    }
  });
});
