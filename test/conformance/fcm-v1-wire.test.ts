import { createManualClock, type DownstreamMessageInput, type RecipientOutcome } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { FcmV1SendRequestSchema } from "@cloud-messaging/core/wire";
import { createFcmV1Transport, createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import fixtures from "../fixtures/fcm-v1.json" with { type: "json" };
import { answer, startFaultServer } from "../support/fault-server.ts";
import { startV1Server, type V1Server } from "../support/fcm-v1-server.ts";

const HTTP_VERSIONS = ["2", "1.1"] as const;
let server: V1Server;
beforeAll(async () => {
  server = await startV1Server();
});
afterAll(() => server.close());

/** One attempt over v1. */
async function attempt(
  input: DownstreamMessageInput,
  httpVersion: "2" | "1.1" = "2",
): Promise<readonly RecipientOutcome[]> {
  let tokens = 0;
  await using transport = createFcmV1Transport({
    endpoint: server.origin,
    tls: { ca: server.ca },
    projectId: "demo",
    credential: async () => `ya29.${++tokens}`,
    clock: createManualClock(),
    onNotice: () => {},
    httpVersion,
  });
  return (await transport.send(parseDownstreamMessage(input))).outcomes;
}

describe("every row of the migration table", () => {
  it.each(fixtures.mapping)("$name, as v1 has it", async ({ message, v1 }) => {
    const before = server.requests.length;
    await attempt(message as DownstreamMessageInput);
    const [request, ...more] = server.requests.slice(before);
    expect(more).toEqual([]);
    const body: unknown = JSON.parse(request?.body ?? "");
    expect(body).toEqual(v1);
    expect(FcmV1SendRequestSchema.safeParse(body).error).toBeUndefined();
  });

  it.each(fixtures.mapping)("$name: the same message, as GCM HTTP had it", async ({ message, legacy }) => {
    await using gcm = await startFaultServer();
    gcm.otherwise = answer(200, "");
    await using transport = createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint: `${gcm.origin}/gcm/send` });
    await transport.send(parseDownstreamMessage(message));
    expect(JSON.parse(gcm.requests[0]?.body ?? "")).toEqual(legacy);
  });

  it("of several tokens becomes one request each", async () => {
    const before = server.requests.length;
    const outcomes = await attempt({ target: { tokens: ["tok-a", "tok-b", "tok-a"] }, data: { n: "3" } });
    expect(outcomes.map(({ recipient }) => recipient)).toEqual(["tok-a", "tok-b", "tok-a"]);
    const sent = server.requests.slice(before).map(({ body }) => (JSON.parse(body) as { message: object }).message);
    expect(sent.map((message) => (message as { token: string }).token).sort()).toEqual(["tok-a", "tok-a", "tok-b"]);
  });
});

describe.each(HTTP_VERSIONS)("every answer becomes its outcome over HTTP/%s", (httpVersion) => {
  it.each(fixtures.errors)("$name", async (row) => {
    const { status, outcome } = row;
    const body = "text" in row ? (row.text as string) : JSON.stringify(row.body);
    const before = server.requests.length;
    server.otherwise = (exchange) => exchange.answer(status, body, "headers" in row ? { ...row.headers } : {});
    const [got] = await attempt({ target: { token: "tok-a" } }, httpVersion);
    expect(got).toMatchObject(outcome);
    expect(got).toMatchObject({ recipient: "tok-a", attempts: 1, service: { status } });
    if ("retryAfterMs" in row) expect(got).toMatchObject({ retryAfterMs: row.retryAfterMs });
    else expect(got).not.toHaveProperty("retryAfterMs");
    expect(server.requests.length - before).toBe("requests" in row ? row.requests : 1);
  });
});
