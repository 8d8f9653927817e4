import { constants } from "node:http2";
import type { RecipientOutcome } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { createFcmV1Transport } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { acceptV1, startV1Server, type V1Exchange, type V1Step, v1Error } from "../support/fcm-v1-server.ts";

/** mulberry32: the same seed, the same draws. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const tokenOf = ({ request }: V1Exchange): string =>
  (JSON.parse(request.body) as { message: { token: string } }).message.token;

/** Answers and faults of a server. */
interface Fate {
  readonly weight: number;
  /** True if it has taken the message. */
  readonly took: boolean;
  readonly step: V1Step;
  /** It says by this that it has not processed the stream. */
  readonly refuses?: true;
  /** It says GOAWAY with this code. */
  readonly goaway?: number;
}

const FATES: readonly Fate[] = [
  { weight: 70, took: true, step: acceptV1 },
  { weight: 8, took: true, step: (exchange) => void setTimeout(() => acceptV1(exchange), 3) },
  { weight: 3, took: true, step: ({ reset }) => reset() },
  { weight: 2, took: true, step: ({ truncate }) => truncate(200, '{"name":') },
  { weight: 3, took: false, step: ({ reset }) => reset() },
  { weight: 5, took: false, step: ({ reset }) => reset(constants.NGHTTP2_REFUSED_STREAM), refuses: true },
  { weight: 4, took: false, step: v1Error(503, "UNAVAILABLE") },
  { weight: 2, took: false, step: v1Error(404, "NOT_FOUND", { errorCode: "UNREGISTERED" }) },
  { weight: 1, took: false, step: ({ cut }) => cut() },
  { weight: 1, took: true, step: acceptV1, goaway: constants.NGHTTP2_NO_ERROR },
  { weight: 1, took: false, step: ({ cut }) => cut(), refuses: true, goaway: constants.NGHTTP2_ENHANCE_YOUR_CALM },
];
const TOTAL = FATES.reduce((sum, { weight }) => sum + weight, 0);

function drawFate(random: () => number): Fate {
  let at = random() * TOTAL;
  for (const fate of FATES) {
    at -= fate.weight;
    if (at < 0) return fate;
  }
  return FATES[0] as Fate;
}

/** A server that never lies: what it refuses or lies above its GOAWAY it has not taken, and does not take later. */
function faultyStep(random: () => number, taken: Map<string, number>, seen: Map<string, number>): V1Step {
  /** Per connection: the last stream it did not refuse, and the last one it said it would look at. */
  const connections = new WeakMap<object, { last: number; goodbye: number }>();
  return (exchange) => {
    const id = exchange.streamId;
    const connection = connections.get(exchange.connection) ?? { last: 0, goodbye: Number.POSITIVE_INFINITY };
    connections.set(exchange.connection, connection);
    if (id !== undefined && id > connection.goodbye) return;
    const fate = drawFate(random);
    const token = tokenOf(exchange);
    seen.set(token, (seen.get(token) ?? 0) + 1);
    if (fate.took) taken.set(token, (taken.get(token) ?? 0) + 1);
    if (id !== undefined && !fate.refuses) connection.last = Math.max(connection.last, id);
    if (id !== undefined && fate.goaway !== undefined) {
      connection.goodbye = connection.last;
      exchange.goaway(connection.last, fate.goaway);
      if (fate.refuses) return;
    }
    fate.step(exchange);
  };
}

describe.each(["2", "1.1"] as const)("under random faults over HTTP/%s", (httpVersion) => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "every message settles once, as what the server really did (seed %i)",
    async (seed) => {
      await using server = await startV1Server();
      /** Counts of each message: taken by the server, and seen by it. */
      const taken = new Map<string, number>();
      const seen = new Map<string, number>();
      server.otherwise = faultyStep(seeded(seed), taken, seen);
      const transport = createFcmV1Transport({
        endpoint: server.origin,
        tls: { ca: server.ca },
        projectId: "demo",
        credential: async () => "ya29.test",
        httpVersion,
        maxRequests: 20,
      });
      const tokens = Array.from({ length: 400 }, (_, i) => `tok-${i}`);
      const { outcomes } = await transport.send(parseDownstreamMessage({ target: { tokens } }));
      await transport.close();

      expect(outcomes.map(({ recipient }) => recipient)).toEqual(tokens);
      expect(outcomes.filter((outcome) => !isTrue(outcome, taken.get(outcome.recipient) ?? 0))).toEqual([]);
      expect(Math.max(...taken.values())).toBe(1);
      if (httpVersion === "1.1") expect(Math.max(...seen.values())).toBe(1);
      expect(new Set(outcomes.map(({ kind }) => kind)).size).toBeGreaterThan(2);
    },
  );
});

/** True if an outcome is right for a message that was taken so often. */
function isTrue(outcome: RecipientOutcome, taken: number): boolean {
  switch (outcome.kind) {
    case "accepted":
      return taken === 1;
    case "ambiguous":
      return taken <= 1;
    case "retryable":
    case "unregistered":
    case "rejected":
      return taken === 0;
  }
}
