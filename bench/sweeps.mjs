// Cases of bench/plots.mjs: one thing grows, all else stays. `plot` names the plot, `x` the value.
import { ccsSendCase } from "./cases/ccs.mjs";
import { httpCase } from "./cases/http.mjs";
import { backlogCase, registrationsCase } from "./lib/filled-stores.mjs";

const messages = (count) => Math.max(200, Math.round(12_000 / Math.sqrt(count)));

export default [
  ...[1, 3, 10, 30, 100, 300, 1_000].map((tokens) => ({
    ...httpCase(`tokens-${tokens}`, tokens, 8, messages(tokens)),
    plot: "tokens-per-request",
    x: tokens,
  })),
  ...[1, 4, 16, 64].map((connections) => ({
    ...httpCase(`connections-${connections}`, 1, 64, 12_000, { connections }),
    plot: "connections",
    x: connections,
  })),
  ...[1, 10, 100, 1_000].map((inFlight) => ({
    ...httpCase(`in-flight-${inFlight}`, 1, inFlight, 12_000, { connections: 64 }),
    plot: "in-flight",
    x: inFlight,
  })),
  ...[1, 3, 10, 30, 100].map((window) => ({
    ...ccsSendCase(`window-${window}`, window, 1_000, 12_000),
    plot: "window",
    x: window,
  })),
  ...[100, 300, 1_000, 2_000, 3_800].map((bytes) => ({
    ...ccsSendCase(`payload-${bytes}`, 100, bytes, 12_000),
    plot: "payload",
    x: bytes,
  })),
  ...[1_000, 10_000, 100_000, 1_000_000].map((devices) => ({
    ...registrationsCase(`registrations-${devices}`, devices, 300_000),
    plot: "registrations",
    x: devices,
  })),
  ...[1_000, 10_000, 100_000, 1_000_000, 10_000_000].map((recipients) => ({
    ...backlogCase(`backlog-${recipients}`, recipients, 6_000),
    plot: "backlog",
    x: recipients,
  })),
];
