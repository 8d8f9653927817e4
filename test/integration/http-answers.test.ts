import type { RecipientOutcome } from "@cloud-messaging/core";
import {
  createFcmV1Transport,
  createGcmHttpTransport,
  createTopics,
  type FcmV1TransportOptions,
} from "@cloud-messaging/http-sender";
import { afterEach, describe, expect, it } from "vitest";
import { answer, startFaultServer } from "../support/fault-server.ts";
import { acceptV1, byToken, startV1Server, type V1Server, type V1Step, v1Error } from "../support/fcm-v1-server.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function aServer(): Promise<V1Server> {
  const server = await startV1Server();
  cleanups.push(() => server.close());
  return server;
}

function aTransport(server: V1Server, more: Partial<FcmV1TransportOptions> = {}) {
  const transport = createFcmV1Transport({
    endpoint: server.origin,
    tls: { ca: server.ca },
    projectId: "demo",
    credential: async () => "ya29.t",
    quota: false,
    ...more,
  });
  cleanups.push(() => transport.close());
  return transport;
}

async function sendOne(
  transport: ReturnType<typeof aTransport>,
  target: object = { token: "tok" },
): Promise<RecipientOutcome> {
  const { outcomes } = await transport.send({ target } as never);
  return outcomes[0] as RecipientOutcome;
}

describe("an answer of FCM v1", () => {
  it.each([201, 202, 204, 206])("with status %i leaves the message in doubt, as over GCM HTTP", async (status) => {
    const server = await aServer();
    server.otherwise = ({ answer }) => answer(status, status === 204 ? "" : '{"name":"projects/demo/messages/1"}');
    const outcome = await sendOne(aTransport(server));
    expect(outcome).toMatchObject({ kind: "ambiguous", code: "unexpected-status", service: { status } });
  });

  it.each([
    [409, "ABORTED"],
    [499, "CANCELLED"],
  ])("with status %i (%s) is worth another try", async (status, word) => {
    const server = await aServer();
    server.script(v1Error(status, word), ({ answer }) => answer(status, "<html>x</html>"));
    const transport = aTransport(server);
    expect(await sendOne(transport)).toMatchObject({ kind: "retryable", code: "unavailable" });
    expect(await sendOne(transport)).toMatchObject({ kind: "retryable", code: "unavailable" });
  });

  it("asks for a wait by Retry-After or by RetryInfo, whichever is longer", async () => {
    const server = await aServer();
    const info = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "42s" };
    server.script(
      v1Error(503, "UNAVAILABLE", { details: [info] }),
      v1Error(429, "RESOURCE_EXHAUSTED", { details: [info], headers: { "retry-after": "90" } }),
    );
    const transport = aTransport(server);
    expect(await sendOne(transport)).toMatchObject({ retryAfterMs: 42_000 });
    expect(await sendOne(transport)).toMatchObject({ retryAfterMs: 90_000 });
  });

  it.each(["1.1", "2"] as const)(
    "about the rate of one device or topic slows nobody else, one about the project's quota does, over HTTP/%s",
    async (httpVersion) => {
      const quota = (description: string): V1Step =>
        v1Error(429, "RESOURCE_EXHAUSTED", {
          errorCode: "QUOTA_EXCEEDED",
          details: [{ "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ description }] }],
        });
      const server = await aServer();
      // requests under way at once are held until that many have come
      let held: (() => void)[] = [];
      let most = 0;
      const hold =
        (count: number): V1Step =>
        (exchange) => {
          held.push(() => acceptV1(exchange));
          most = Math.max(most, held.length);
          if (held.length < count) return;
          for (const go of held.splice(0)) go();
        };
      const transport = aTransport(server, { httpVersion, maxRequests: 16 });
      const tokens = Array.from({ length: 16 }, (_, i) => `tok-${i}`);

      for (const step of [quota("device: too many messages"), quota("Message rate per device")]) {
        server.script(step);
        expect(await sendOne(transport)).toMatchObject({ kind: "retryable", code: "device-message-rate-exceeded" });
      }
      server.script(quota("topic: too many messages"));
      expect(await sendOne(transport, { topic: "news" })).toMatchObject({ code: "topics-message-rate-exceeded" });
      server.otherwise = hold(16);
      await transport.send({ target: { tokens } } as never);
      expect(most).toBe(16);

      server.otherwise = byToken({}, acceptV1);
      server.script(quota("Requests per minute per project"));
      expect(await sendOne(transport)).toMatchObject({ kind: "retryable", code: "quota-exceeded" });
      held = [];
      most = 0;
      server.otherwise = hold(8);
      await transport.send({ target: { tokens } } as never);
      expect(most).toBe(8);
    },
  );

  it("is read in time however hostile a page it is", async () => {
    const server = await aServer();
    server.otherwise = ({ answer }) => answer(400, "<".repeat(4 * 1024 * 1024 - 1));
    // a reader that looks at a page over and over takes hours; the test's own time limit is its bound
    expect(await sendOne(aTransport(server))).toMatchObject({ kind: "rejected", code: "invalid-argument" });
  });
});

describe("what is kept of an answer", () => {
  const secret = "AIza-EXAMPLE";
  const page = (credentials: string) => `\u001b[31m<b>${credentials}</b> ${"x".repeat(30_000)}`;
  const headers = { "x-request-id": "r-1", "retry-after": "3", "set-cookie": "a=b" };
  const kept = { "x-request-id": "r-1", "retry-after": "3" };

  function expectBounded(outcome: RecipientOutcome): void {
    expect(outcome.service).toMatchObject({ status: 503 });
    expect(outcome.service?.headers).toEqual(kept);
    expect(outcome.service?.body).toHaveLength(300);
    for (const text of Object.values(outcome.service ?? {})) expect(String(text)).not.toMatch(/AIza|ya29|\p{Cc}/u);
  }

  it("is bounded, in one line and without secrets: GCM HTTP", async () => {
    await using server = await startFaultServer();
    server.otherwise = answer(503, page(`key=${secret}`), headers);
    await using gcm = createGcmHttpTransport({ apiKey: secret, endpoint: `${server.origin}/fcm/send` });
    const { outcomes } = await gcm.send({ target: { token: "tok" } } as never);
    expectBounded(outcomes[0] as RecipientOutcome);
  });

  it("is bounded, in one line and without secrets: topics", async () => {
    await using server = await startFaultServer();
    server.script(answer(503, page(`key=${secret}`), headers), answer(503, page("Bearer ya29.t"), headers));
    const options = { endpoint: server.origin, retry: false } as const;
    await using iid = createTopics({ backend: "instance-id", apiKey: secret, ...options });
    await using subscriptions = createTopics({
      backend: "topic-subscriptions",
      projectId: "demo",
      credential: async () => "ya29.t",
      ...options,
    });
    for (const topics of [iid, subscriptions]) {
      const { outcomes } = await topics.subscribe("news", ["tok"]);
      expectBounded(outcomes[0] as RecipientOutcome);
    }
  });

  it("is bounded, in one line and without secrets: FCM v1, a JSON error with escape sequences", async () => {
    const server = await aServer();
    const word = `\u001b]0;${"y".repeat(30_000)} ya29.t`;
    server.script(
      ({ answer }) => answer(503, page("Bearer ya29.t"), headers),
      v1Error(503, word, { message: word, headers }),
      v1Error(503, "UNAVAILABLE", { errorCode: word, headers }),
    );
    const transport = aTransport(server);
    expectBounded(await sendOne(transport));
    for (let n = 0; n < 2; n++) {
      const outcome = await sendOne(transport);
      expectBounded(outcome);
      expect(outcome.service?.error?.length).toBeLessThanOrEqual(300);
      expect((outcome.service?.description ?? "").length).toBeLessThanOrEqual(300);
    }
  });

  it("is the status alone of a message that was accepted, with the request's ID where there is one", async () => {
    const server = await aServer();
    server.script(acceptV1, ({ answer }) => answer(200, '{"name":"n"}', { "x-request-id": "r-2" }));
    const transport = aTransport(server);
    expect((await sendOne(transport)).service).toEqual({ status: 200 });
    expect((await sendOne(transport)).service).toEqual({ status: 200, headers: { "x-request-id": "r-2" } });
  });
});
