import { readFile } from "node:fs/promises";
import { constants } from "node:http2";
import type { GatewayOptions } from "@cloud-messaging/gateway";
import { describe, expect, it } from "vitest";
import { acceptV1, type V1Exchange, type V1Step, v1Error } from "../support/fcm-v1-server.ts";
import { type GatewayWorld, startGatewayWorld } from "../support/gateway-world.ts";

/** A step, and if FCM may have accepted the request of it. */
interface Fate {
  readonly step: (exchange: V1Exchange, world: GatewayWorld) => void;
  readonly took: boolean;
}

const fate = (took: boolean, step: Fate["step"]): Fate => ({ took, step });
const refuse = (...args: Parameters<typeof v1Error>): Fate => fate(false, v1Error(...args) as V1Step);
const accepted = fate(true, acceptV1);
const silent = fate(true, (_exchange, world) => world.silent());
const cut = fate(true, ({ cut: end }) => end());

/** A fault: what becomes of the requests to FCM, one after the other, the last one for all that follow. */
interface FcmFault {
  readonly title: string;
  readonly fates: readonly Fate[];
  readonly httpVersion?: "2";
  readonly token?: V1Step;
  /** FCM is not there at all. */
  readonly absent?: boolean;
  readonly options?: Partial<GatewayOptions>;
}

/** GOAWAY with the stream before as its last one: FCM says that it has not processed this one. */
function leftOut({ goaway, streamId = 0 }: V1Exchange): void {
  goaway(streamId - 2);
}

const retryAfter = (seconds: number) => ({ headers: { "retry-after": String(seconds) } });
const FCM_FAULTS: readonly FcmFault[] = [
  { title: "503 once", fates: [refuse(503, "UNAVAILABLE"), accepted] },
  { title: "503 each time", fates: [refuse(503, "UNAVAILABLE")] },
  { title: "503, `Retry-After: 12`, once", fates: [refuse(503, "UNAVAILABLE", retryAfter(12)), accepted] },
  { title: "503, `Retry-After: 90`", fates: [refuse(503, "UNAVAILABLE", retryAfter(90))] },
  { title: "500 each time", fates: [refuse(500, "INTERNAL")] },
  { title: "429", fates: [refuse(429, "RESOURCE_EXHAUSTED", { errorCode: "QUOTA_EXCEEDED" })] },
  {
    title: "429, `Retry-After: 12`, once",
    fates: [refuse(429, "RESOURCE_EXHAUSTED", { errorCode: "QUOTA_EXCEEDED", ...retryAfter(12) }), accepted],
  },
  {
    title: "429, `Retry-After: 90`",
    fates: [refuse(429, "RESOURCE_EXHAUSTED", { errorCode: "QUOTA_EXCEEDED", ...retryAfter(90) })],
  },
  { title: "nobody listens", fates: [], absent: true },
  { title: "no answer", fates: [silent] },
  { title: 'no answer, under `"inDoubt": "accepted"`', fates: [silent], options: { inDoubt: "accepted" } },
  { title: "the connection is cut before an answer, once", fates: [cut, accepted] },
  { title: "the connection is cut before an answer, each time", fates: [cut] },
  {
    title: "the connection is cut within a status 200, once",
    fates: [fate(true, ({ truncate }) => truncate(200, '{"name":')), accepted],
  },
  { title: "status 200, not JSON", fates: [fate(true, ({ answer }) => answer(200, "<html>it works</html>"))] },
  {
    title: "HTTP/2: the stream is refused, once",
    fates: [fate(false, ({ reset }) => reset(constants.NGHTTP2_REFUSED_STREAM)), accepted],
    httpVersion: "2",
  },
  {
    title: "HTTP/2: the stream is reset before an answer, once",
    fates: [fate(true, ({ reset }) => reset()), accepted],
    httpVersion: "2",
  },
  {
    title: "HTTP/2: GOAWAY that names the stream, then its answer",
    fates: [
      fate(true, (exchange) => {
        exchange.goaway(exchange.streamId ?? 0);
        acceptV1(exchange);
      }),
    ],
    httpVersion: "2",
  },
  {
    title: "HTTP/2: GOAWAY that names the stream, then no answer",
    fates: [
      fate(true, (exchange, world) => {
        exchange.goaway(exchange.streamId ?? 0);
        world.silent();
      }),
    ],
    httpVersion: "2",
  },
  {
    title: "HTTP/2: GOAWAY that names an earlier stream, before an answer, once",
    fates: [fate(false, leftOut), accepted],
    httpVersion: "2",
  },
  {
    title: "HTTP/2: GOAWAY that names an earlier stream, within a status 200, once",
    fates: [
      fate(true, (exchange) => {
        exchange.begin(200, '{"name":');
        leftOut(exchange);
      }),
      accepted,
    ],
    httpVersion: "2",
  },
  {
    title: "the access token is refused once",
    fates: [refuse(401, "UNAUTHENTICATED"), accepted],
  },
  { title: "the access token is refused each time", fates: [refuse(401, "UNAUTHENTICATED")] },
  {
    title: "the credential is revoked: no access token is given out",
    fates: [],
    token: ({ answer }) => answer(400, '{"error":"invalid_grant","error_description":"Invalid JWT Signature."}'),
  },
  { title: "the credential may not send", fates: [refuse(403, "PERMISSION_DENIED")] },
];

/** Answer as a client sees it. */
interface Seen {
  readonly words: string;
  /** True if old clients send again after it. */
  readonly retried: boolean;
}

const RETRIED = /Unavailable|InternalServerError|SERVICE_UNAVAILABLE|INTERNAL_SERVER_ERROR|^5/;
const seen = (words: string): Seen => ({ words, retried: RETRIED.test(words) });

interface Client {
  send(): Promise<Seen>;
}

const CLIENTS: Readonly<Record<"GCM HTTP" | "CCS", (world: GatewayWorld) => Promise<Client>>> = {
  "GCM HTTP": async (world) => ({
    async send() {
      const response = await world.post({ to: "tok-a", data: { n: "1" } });
      const text = await response.text();
      const { results } = JSON.parse(text) as { results: { error?: string; message_id?: string }[] };
      const after = response.headers.get("retry-after");
      const word = results[0]?.error ?? "message_id";
      return seen(`\`${word}\`${after === null ? "" : `, \`Retry-After: ${after}\``}`);
    },
  }),
  CCS: async (world) => {
    const peer = await world.login();
    return {
      async send() {
        peer.gcm({ to: "tok-a", message_id: "m-1", data: { n: "1" } });
        const { message_type: type, error } = await peer.next();
        return seen(`\`${String(error ?? type)}\``);
      },
    };
  },
};

interface Counted {
  readonly words: string;
  /** Requests that FCM got, and those of them that it may have accepted: by the gateway, then by the client's own retry. */
  readonly requests: number;
  readonly taken: number;
  readonly byRetry: number;
}

async function count(fault: FcmFault, over: keyof typeof CLIENTS): Promise<Counted> {
  await using world = await startGatewayWorld(fault.httpVersion, fault.options);
  const { fcm, clock } = world;
  // the first stream of the connection
  if (fault.httpVersion === "2") await world.settle(world.post({ to: "tok-of-another", data: {} }));
  const before = fcm.requests.length;
  const fates = [...fault.fates];
  let taken = 0;
  const play =
    (next: Fate): V1Step =>
    (exchange) => {
      if (next.took) taken++;
      next.step(exchange, world);
    };
  fcm.otherwise = (exchange) => play((fates.length > 1 ? fates.shift() : fates[0]) as Fate)(exchange);
  const { token } = fcm;
  if (fault.token !== undefined) fcm.token = fault.token;
  const client = await CLIENTS[over](world);
  if (fault.absent) await fcm.pause();
  const first = await world.settle(client.send());
  const counted = { words: first.words, requests: fcm.requests.length - before, taken };
  if (fault.absent) await fcm.resume();
  fcm.token = token;
  fcm.otherwise = play(accepted);
  // what the old clients do with such an answer, when a minute or two have passed
  let last = first;
  if (first.retried) {
    await clock.advance(120_000);
    last = await world.settle(client.send());
  }
  // nothing is lost, and nothing is sent later
  expect(last.words, `${fault.title} over ${over}: after the client's retry`).toMatch(/^`(message_id|ack)`$/);
  const byRetry = taken - counted.taken;
  await clock.advance(600_000);
  expect(taken, `${fault.title} over ${over}: later`).toBe(counted.taken + byRetry);
  expect(counted.taken, `${fault.title} over ${over}: copies`).toBeLessThanOrEqual(2);
  return { ...counted, byRetry };
}

const docs = await readFile(new URL("../../docs/gateway.md", import.meta.url), "utf8");

describe("a fault between the gateway and FCM", () => {
  it.each(FCM_FAULTS)("is answered and counted as the table in docs/gateway.md says: $title", async (fault) => {
    const http = await count(fault, "GCM HTTP");
    const ccs = await count(fault, "CCS");
    const { words: _, ...counts } = ccs;
    expect(http, fault.title).toMatchObject(counts);
    const row = `| ${fault.title} | ${http.words} | ${ccs.words} | ${ccs.requests} | ${ccs.taken} | ${ccs.byRetry} |`;
    expect(docs.includes(row), `docs/gateway.md is stale: a row has to be\n${row}\n`).toBe(true);
  });
});
