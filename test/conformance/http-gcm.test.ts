import {
  createManualClock,
  type DownstreamMessageInput,
  InvalidMessageError,
  type RecipientOutcome,
} from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import {
  GcmGroupResponseSchema,
  GcmHttpRequestSchema,
  GcmMulticastResponseSchema,
  GcmTopicResponseSchema,
  parseExactJson,
} from "@cloud-messaging/core/wire";
import { createGcmHttpTransport, createGcmSender, type GcmHttpFormat } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import fixtures from "../fixtures/gcm-http.json" with { type: "json" };
import { answer, type FaultServer, startFaultServer } from "../support/fault-server.ts";

const TARGETS: Record<string, DownstreamMessageInput["target"]> = {
  "one token": { token: "tok-a" },
  "two tokens": { tokens: ["tok-a", "tok-b"] },
  "a topic": { topic: "news" },
  "a condition": { condition: "'a' in topics" },
  "a group": { notificationKey: "APA91-key" },
  "one token in plain text": { token: "tok-a" },
};

/** One attempt against a server that answers as the fixture says. */
async function attempt(
  server: FaultServer,
  input: DownstreamMessageInput,
  format: GcmHttpFormat = "json",
): Promise<readonly RecipientOutcome[]> {
  await using transport = createGcmHttpTransport({
    apiKey: "AIza-EXAMPLE",
    endpoint: `${server.origin}/gcm/send`,
    clock: createManualClock(0),
    format,
  });
  const message = parseDownstreamMessage(input);
  transport.check?.(message);
  return (await transport.send(message)).outcomes;
}

describe("requests are written as documented", () => {
  it.each(fixtures.requests)("$name $source", async ({ message, json, form }) => {
    await using server = await startFaultServer();
    server.otherwise = answer(200, "");
    await attempt(server, message as DownstreamMessageInput, form === undefined ? "json" : "plain-text");
    const [request] = server.requests;
    expect(server.requests).toHaveLength(1);
    expect(request?.method).toBe("POST");
    if (json !== undefined) {
      const body: unknown = JSON.parse(request?.body ?? "");
      expect(body).toEqual(json);
      expect(GcmHttpRequestSchema.safeParse(body).success).toBe(true);
      expect(request?.headers["content-type"]).toBe("application/json");
    } else {
      expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual(form);
      expect(request?.headers["content-type"]).toBe("application/x-www-form-urlencoded;charset=UTF-8");
    }
    expect(request?.headers["authorization"]).toBe("key=AIza-EXAMPLE");
  });
});

describe("answers are read as documented", () => {
  it.each(fixtures.responses)("$name, to $to $source", async ({ to, status, body, outcomes }) => {
    await using server = await startFaultServer();
    server.script(answer(status, body));
    const target = TARGETS[to] as DownstreamMessageInput["target"];
    const received = await attempt(server, { target }, to.endsWith("plain text") ? "plain-text" : "json");
    expect(received).toHaveLength(outcomes.length);
    outcomes.forEach((expected, position) => {
      const { canonicalRegistrationId, ...rest } = expected as { canonicalRegistrationId?: string | null };
      expect(received[position]).toMatchObject({ ...rest, attempts: 1 });
      if (canonicalRegistrationId === null) expect(received[position]).not.toHaveProperty("canonicalRegistrationId");
      else if (canonicalRegistrationId !== undefined)
        expect(received[position]).toHaveProperty("canonicalRegistrationId", canonicalRegistrationId);
    });
  });

  it("and the fixtures are answers by the schemas that the emulator writes with", () => {
    for (const { status, body, to } of fixtures.responses) {
      if (status !== 200 || body === "" || to.endsWith("plain text")) continue;
      const json = parseExactJson(body) as object;
      const schema =
        "results" in json
          ? GcmMulticastResponseSchema
          : to === "a group"
            ? GcmGroupResponseSchema
            : GcmTopicResponseSchema;
      expect(schema.safeParse(json).success, body).toBe(true);
    }
  });
});

describe("error strings mean what is documented", () => {
  const check = (received: RecipientOutcome | undefined, expected: (typeof fixtures.errors)[number]): void => {
    expect(received).toMatchObject({ kind: expected.kind, code: expected.code, service: { error: expected.error } });
  };

  it.each(fixtures.errors)("$error in a multicast: $kind $source", async (expected) => {
    await using server = await startFaultServer();
    server.script(answer(200, JSON.stringify({ results: [{ message_id: "0:1" }, { error: expected.error }] })));
    const [first, second] = await attempt(server, { target: { tokens: ["tok-a", "tok-b"] } });
    expect(first?.kind).toBe("accepted");
    check(second, expected);
  });

  it.each(fixtures.errors)("$error in plain text: $kind $source", async (expected) => {
    await using server = await startFaultServer();
    server.script(answer(200, `Error=${expected.error}\n`));
    check((await attempt(server, { target: { token: "tok-a" } }, "plain-text"))[0], expected);
  });

  // a topic is no registration
  const aboutTopic = fixtures.errors.map((expected) =>
    expected.kind === "unregistered" ? { ...expected, kind: "rejected", code: "invalid-argument" } : expected,
  );
  it.each(aboutTopic)("$error about a topic: $kind $source", async (expected) => {
    await using server = await startFaultServer();
    server.script(answer(200, JSON.stringify({ error: expected.error })));
    check((await attempt(server, { target: { topic: "news" } }))[0], expected);
  });

  it.each(fixtures.errors.filter(({ kind }) => kind === "unregistered"))(
    "$error that stands for a whole multicast removes nobody",
    async ({ error }) => {
      await using server = await startFaultServer();
      server.script(answer(200, JSON.stringify({ error })));
      const outcomes = await attempt(server, { target: { tokens: ["tok-a", "tok-b"] } });
      expect(outcomes.map(({ kind }) => kind)).toEqual(["rejected", "rejected"]);
    },
  );
});

describe("statuses mean what is documented, in both formats", () => {
  it.each(
    fixtures.statuses.flatMap((row) => [
      { ...row, format: "json" as const },
      { ...row, format: "plain-text" as const },
    ]),
  )("$status for $format: $kind $body", async ({ status, body, kind, code, description, format }) => {
    await using server = await startFaultServer();
    server.script(answer(status, body, { "retry-after": "11" }));
    const [outcome] = await attempt(server, { target: { token: "tok-a" } }, format);
    expect(outcome).toMatchObject({ kind, service: { status }, ...(code === undefined ? {} : { code }) });
    const said = description ?? (body.startsWith("<") || body.startsWith("{") ? undefined : body.trim());
    if (said !== undefined && said !== "") {
      expect(outcome?.service?.description).toBe(said);
      if (outcome?.kind === "rejected") expect(outcome.detail).toContain(said);
    }
    if (kind === "retryable") expect(outcome).toHaveProperty("retryAfterMs", 11_000);
  });
});

describe("what HTTP cannot carry is refused before anything is sent", () => {
  it.each(fixtures.refused)("$path in $format: $source", async ({ message, path, format }) => {
    await using server = await startFaultServer();
    await using sender = createGcmSender({
      apiKey: "AIza-EXAMPLE",
      endpoint: server.origin,
      ...(format === undefined ? {} : { format: format as GcmHttpFormat }),
    });
    const error = await sender.send(message as DownstreamMessageInput).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidMessageError);
    expect((error as InvalidMessageError).problems.map((problem) => problem.path)).toEqual([path]);
    expect(server.requests).toHaveLength(0);
  });
});
