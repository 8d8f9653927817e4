// Cases of bench/memory.mjs; `measure` is one of its measures.
import { ccsSendCase } from "./cases/ccs.mjs";
import { httpCase } from "./cases/http.mjs";
import sendAll from "./cases/send-all.mjs";
import { v1Case } from "./cases/v1.mjs";
import { startCannedGcmServer } from "./servers/gcm-http.mjs";

/** A server that takes so long answers none of a measurement. Unit: milliseconds. */
const LONG_MS = 3_600_000;
const GARBAGE = { measure: "garbage", target: { floor: 1.3 } };
const PENDING = { measure: "pending", target: { bytes: 2_048 } };
const unanswered = { ...PENDING, startServer: () => startCannedGcmServer(LONG_MS) };

export default [
  httpCase("garbage: GCM HTTP", 1, 64, 3_000, GARBAGE),
  v1Case("garbage: v1 over HTTP/1.1", { messages: 3_000, adminBatch: 500, ...GARBAGE }),
  v1Case("garbage: v1 over HTTP/2", { httpVersion: "2", messages: 3_000, adminBatch: 500, ...GARBAGE }),
  { ...ccsSendCase("garbage: CCS", 100, 1_000, 3_000), ...GARBAGE },
  httpCase("pending: GCM HTTP", 1, 64, 8_000, unanswered),
  v1Case("pending: v1 over HTTP/1.1", { messages: 8_000, latencyMs: LONG_MS, adminBatch: 1, ...PENDING }),
  ...sendAll.map((definition) => ({ ...definition, name: "RSS: sendAll", measure: "rss", target: { floor: 1.25 } })),
];
