// Cases of bench/plots.mjs: one thing grows, all else stays. `plot` names the plot, `x` the value.
import { ccsSendCase } from "./cases/ccs.mjs";
import { httpCase } from "./cases/http.mjs";

const messages = (count) => Math.max(200, Math.round(12_000 / Math.sqrt(count)));

export default [
  ...[1, 3, 10, 30, 100, 300, 1_000].map((tokens) => ({
    ...httpCase(`tokens-${tokens}`, tokens, 8, messages(tokens)),
    plot: "tokens-per-request",
    x: tokens,
  })),
  ...[1, 4, 16, 64].map((connections) => ({
    ...httpCase(`connections-${connections}`, 1, connections, 12_000),
    plot: "connections",
    x: connections,
  })),
  ...[1, 10, 100, 1_000].map((inFlight) => ({
    ...httpCase(`in-flight-${inFlight}`, 1, inFlight, 12_000),
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
];
