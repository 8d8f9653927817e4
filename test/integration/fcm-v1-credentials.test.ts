import { execFile } from "node:child_process";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { createManualClock, InvalidOptionsError, type ManualClock, type RecipientOutcome } from "@cloud-messaging/core";
import { parseDownstreamMessage, plusMs } from "@cloud-messaging/core/transport";
import {
  createFcmSender,
  createFcmV1Transport,
  type FcmSender,
  type FcmV1TransportOptions,
} from "@cloud-messaging/http-sender";
import { afterEach, describe, expect, it } from "vitest";
import { startV1Server, type V1Server, type V1Step } from "../support/fcm-v1-server.ts";

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const toOne = parseDownstreamMessage({ target: { token: "tok-a" } });

async function aServer(): Promise<V1Server> {
  const server = await startV1Server();
  cleanups.push(() => server.close());
  return server;
}

function keyFor(server: V1Server) {
  return {
    type: "service_account" as const,
    project_id: "demo",
    private_key_id: "key-1",
    private_key: privateKey,
    client_email: "sender@demo.iam.gserviceaccount.com",
    token_uri: `${server.origin}/token`,
  };
}

function aTransport(server: V1Server, more: Partial<FcmV1TransportOptions> = {}) {
  const clock = createManualClock();
  const transport = createFcmV1Transport({
    endpoint: server.origin,
    tls: { ca: server.ca },
    credential: keyFor(server),
    clock,
    ...more,
  });
  cleanups.push(() => transport.close());
  return { transport, clock };
}

const kinds = (outcomes: readonly RecipientOutcome[]): string[] =>
  outcomes.map((outcome) => ("code" in outcome ? `${outcome.kind} ${outcome.code}` : outcome.kind));

const json = (status: number, body: object, clock: ManualClock, skewMs = 0): V1Step => {
  return ({ answer }) => answer(status, JSON.stringify(body), { date: new Date(clock.now() + skewMs).toUTCString() });
};

/** The grant in a token request: its header and claims, signature checked. */
function grantOf(body: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const form = new URLSearchParams(body);
  expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
  const [header = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
  const signed = Buffer.from(`${header}.${claims}`);
  expect(verify("RSA-SHA256", signed, createPublicKey(publicKey), Buffer.from(signature, "base64url"))).toBe(true);
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
  return { header: read(header), claims: read(claims) };
}

describe("a service account", () => {
  it("exchanges a signed grant at the token_uri of its key, and its project is the one sent to", async () => {
    const server = await aServer();
    const { transport, clock } = aTransport(server);
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    const { header, claims } = grantOf(server.tokenRequests[0]?.body ?? "");
    const issuedAt = clock.now() / 1000;
    expect(header).toEqual({ alg: "RS256", typ: "JWT", kid: "key-1" });
    expect(claims).toEqual({
      iss: "sender@demo.iam.gserviceaccount.com",
      aud: `${server.origin}/token`,
      scope: "https://www.googleapis.com/auth/firebase.messaging",
      iat: issuedAt,
      exp: issuedAt + 3600,
    });
    expect(server.requests[0]).toMatchObject({
      path: "/v1/projects/demo/messages:send",
      authorization: "Bearer ya29.1",
    });
  });

  it("fetches once for a whole batch, and once an hour", async () => {
    const server = await aServer();
    const { transport, clock } = aTransport(server);
    const tokens = Array.from({ length: 200 }, (_, i) => `tok-${i}`);
    await transport.send(parseDownstreamMessage({ target: { tokens } }));
    expect(server.tokenRequests).toHaveLength(1);
    await clock.advance(3_599_000);
    await transport.send(toOne);
    expect(server.tokenRequests).toHaveLength(2);
  });

  it.each([
    ["text", '"600"', 600],
    ["null", "null", 3_600],
  ])("is exchanged for a token whose life is %s too", async (_name, life, seconds) => {
    const server = await aServer();
    server.token = ({ answer }) => answer(200, `{"access_token":"ya29.x","expires_in":${life}}`);
    const { transport, clock } = aTransport(server);
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    await clock.advance(seconds * 1_000 - 31_000 - 5 * 60_000);
    await transport.send(toOne);
    expect(server.tokenRequests).toHaveLength(1);
    await clock.advance(6 * 60_000);
    await transport.send(toOne);
    expect(server.tokenRequests).toHaveLength(2);
  });

  it("is read from its file, with line ends spelled out as environment variables leave them", async () => {
    const server = await aServer();
    const path = await aFile(JSON.stringify({ ...keyFor(server), private_key: privateKey.replaceAll("\n", "\\n") }));
    const { transport } = aTransport(server, { credential: path });
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    expect(server.requests[0]?.path).toBe("/v1/projects/demo/messages:send");
  });

  it.each([
    ["is not there", undefined, "cannot be read (ENOENT)"],
    ["is not JSON", "{", "is not JSON"],
    ["is no key", "{}", "client_email"],
  ])("whose file %s is refused in words, and asks again at the next send", async (_name, text, expected) => {
    const server = await aServer();
    const path = text === undefined ? join(tmpdir(), "no-such-file.json") : await aFile(text);
    const { transport, clock } = aTransport(server, { credential: path });
    for (let i = 0; i < 2; i++) {
      const { outcomes } = await transport.send(toOne);
      expect(kinds(outcomes)).toEqual(["rejected authentication-failed"]);
      expect(JSON.stringify(outcomes)).toContain(expected);
      expect(JSON.stringify(outcomes)).toContain(path);
      await clock.advance(30_000);
    }
    expect(server.requests).toHaveLength(0);
  });

  it("is taken as the text of its file", async () => {
    const server = await aServer();
    const { transport } = aTransport(server, { credential: `\n${JSON.stringify(keyFor(server), null, 2)}\n` });
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    expect(server.requests[0]?.path).toBe("/v1/projects/demo/messages:send");
  });

  it.each([
    ["a private key", privateKey],
    ["a private key with its line ends spelled out", privateKey.replaceAll("\n", "\\n")],
    ["a server key", `AIza${"S".repeat(35)}`],
    ["a server key of the later kind", `AAAA1234567:APA91b${"S".repeat(134)}`],
    ["an access token", `ya29.${"S".repeat(50)}`],
    ["JSON that was cut off", `{"private_key":"${"S".repeat(50)}`],
    ["JSON that is no key", JSON.stringify({ private_key: "S".repeat(50) })],
    ["nothing", " "],
  ])("is not looked for as a file where the text is %s, which is in no error", (_name, credential) => {
    let error: unknown;
    try {
      createFcmV1Transport({ credential, projectId: "demo" });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(InvalidOptionsError);
    const shown = `${inspect(error, { depth: 9 })}${JSON.stringify(error)}`;
    expect(shown).toContain("credential");
    if (credential.trim() !== "") expect(shown).not.toContain(credential.trim().slice(0, 40));
    expect(shown).not.toContain("SSSSS");
  });

  it("whose file was replaced after its key was revoked is read again", async () => {
    const server = await aServer();
    const good = server.token;
    const path = await aFile(JSON.stringify({ ...keyFor(server), private_key_id: "old" }));
    server.token = (exchange) => {
      if (grantOf(exchange.request.body).header["kid"] === "old") exchange.answer(400, '{"error":"invalid_grant"}');
      else good(exchange);
    };
    for (const use of ["path", "environment"]) {
      await writeFile(path, JSON.stringify({ ...keyFor(server), private_key_id: "old" }));
      if (use === "environment") setEnv("GOOGLE_APPLICATION_CREDENTIALS", path);
      const { transport, clock } = aTransport(server, { credential: use === "path" ? path : "application-default" });
      expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["rejected authentication-failed"]);
      await writeFile(path, JSON.stringify({ ...keyFor(server), private_key_id: "new" }));
      await clock.advance(30_000);
      expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    }
  });

  it("whose key was revoked is not tried again: every message is rejected, and told why", async () => {
    const server = await aServer();
    const clock = createManualClock();
    server.token = json(400, { error: "invalid_grant", error_description: "Invalid JWT Signature." }, clock);
    const sender = createFcmSender({
      endpoint: server.origin,
      tls: { ca: server.ca },
      credential: keyFor(server),
      clock,
    });
    cleanups.push(() => sender.close());
    const tokens = Array.from({ length: 50 }, (_, i) => `tok-${i}`);
    const { outcomes } = await sender.send({ target: { tokens } });
    expect(new Set(kinds(outcomes))).toEqual(new Set(["rejected authentication-failed"]));
    expect(JSON.stringify(outcomes[0])).toContain("invalid_grant: Invalid JWT Signature.");
    expect(server.tokenRequests).toHaveLength(1);
    expect(server.requests).toHaveLength(0);
    expect(inspect(outcomes, { depth: 9 })).not.toContain("PRIVATE KEY");
  });

  it("on a machine whose clock is wrong corrects itself by the endpoint's time, once", async () => {
    const server = await aServer();
    const { transport, clock } = aTransport(server);
    const good = server.token;
    const hour = 3_600_000;
    server.token = (exchange) => {
      const { claims } = grantOf(exchange.request.body);
      if (Math.abs(Number(claims["iat"]) * 1000 - (clock.now() + hour)) < 60_000) good(exchange);
      else
        json(
          400,
          { error: "invalid_grant", error_description: "Check your iat and exp values" },
          clock,
          hour,
        )(exchange);
    };
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    expect(server.tokenRequests).toHaveLength(2);
    await clock.advance(3_599_000);
    await transport.send(toOne);
    expect(server.tokenRequests).toHaveLength(3);
  });

  it.each<[string, V1Step, string]>([
    ["is down", ({ answer }) => answer(503, "{}", { "retry-after": "7" }), "retryable unavailable"],
    ["hangs up", ({ reset }) => reset(), "retryable connection-lost"],
    ["answers with a page", ({ answer }) => answer(200, "<html>"), "retryable invalid-response"],
    ["has too much to do", ({ answer }) => answer(429, ""), "retryable unavailable"],
    [
      "knows no such account",
      ({ answer }) => answer(401, '{"error":"invalid_client"}'),
      "rejected authentication-failed",
    ],
  ])("whose token endpoint %s: nothing was sent, and that is what is said", async (_name, step, expected) => {
    const server = await aServer();
    const good = server.token;
    server.token = step;
    const { transport, clock } = aTransport(server);
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual([expected]);
    expect(server.requests).toHaveLength(0);
    server.token = good;
    await clock.advance(30_000);
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
  });

  it("whose token endpoint never answers: retryable when the time is up", async () => {
    const server = await aServer();
    const asked = new Promise<void>((resolve) => {
      server.token = () => resolve();
    });
    const { transport, clock } = aTransport(server);
    const report = transport.send(toOne);
    await asked;
    await clock.advance(15_000);
    expect(kinds((await report).outcomes)).toEqual(["retryable timeout"]);
  });
});

describe("a credential of firebase-admin", () => {
  it("is used as it is", async () => {
    const server = await aServer();
    const credential = {
      projectId: "demo",
      getAccessToken: async () => ({ access_token: "from-admin", expires_in: 3600 }),
    };
    const { transport } = aTransport(server, { credential });
    await transport.send(toOne);
    expect(server.requests[0]?.authorization).toBe("Bearer from-admin");
  });
});

describe("a credential like one of firebase-admin's that answers badly", () => {
  it.each([
    ["nothing", async () => undefined],
    ["no token", async () => ({ expires_in: 3600 })],
    ["a life that is no number", async () => ({ access_token: "t", expires_in: Number.NaN })],
    ["an error", async () => Promise.reject(new TypeError("SECRET"))],
  ])("with %s ends the send in an outcome", async (_name, getAccessToken) => {
    const server = await aServer();
    const { transport } = aTransport(server, { credential: { projectId: "demo", getAccessToken } as never });
    const { outcomes } = await transport.send(toOne);
    expect(outcomes[0]?.kind).toMatch(/rejected|retryable/);
    expect(JSON.stringify(outcomes)).not.toContain("SECRET");
    expect(server.requests).toHaveLength(0);
  });
});

describe("application default credentials", () => {
  it("are the service account that GOOGLE_APPLICATION_CREDENTIALS names, at its own token_uri", async () => {
    const server = await aServer();
    setEnv("GOOGLE_APPLICATION_CREDENTIALS", await aFile(JSON.stringify(keyFor(server))));
    const { transport } = aTransport(server, { credential: "application-default" });
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    expect(server.tokenRequests).toHaveLength(1);
  });

  it("are a workload's identity, exchanged as its file says", async () => {
    const server = await aServer();
    const seen: string[] = [];
    const sts = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        seen.push(`${request.url} ${new URLSearchParams(body).get("subject_token")}`);
        response.setHeader("content-type", "application/json");
        response.end(
          JSON.stringify({
            access_token: "federated",
            expires_in: 3600,
            token_type: "Bearer",
            issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
          }),
        );
      });
    });
    await new Promise<void>((resolve) => sts.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => sts.close(resolve)));
    const subject = await aFile("the-workload's-own-token");
    setEnv(
      "GOOGLE_APPLICATION_CREDENTIALS",
      await aFile(
        JSON.stringify({
          type: "external_account",
          audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
          subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
          token_url: `http://127.0.0.1:${(sts.address() as AddressInfo).port}/v1/token`,
          credential_source: { file: subject },
        }),
      ),
    );
    setEnv("GOOGLE_CLOUD_PROJECT", "from-environment");
    const { transport } = aTransport(server, { credential: "application-default" });
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    expect(seen).toEqual(["/v1/token the-workload's-own-token"]);
    expect(server.requests[0]).toMatchObject({
      path: "/v1/projects/from-environment/messages:send",
      authorization: "Bearer federated",
    });
  });

  it.each<[string, object]>([
    ["with the project named", { projectId: "demo" }],
    ["and nothing that names a project either", { projectId: undefined }],
  ])("that are not there are said to be missing, with how to get them: %s", async (_name, project) => {
    const server = await aServer();
    const empty = await mkdtemp(join(tmpdir(), "no-credentials-"));
    cleanups.push(() => rm(empty, { recursive: true }));
    setEnv("GOOGLE_APPLICATION_CREDENTIALS", undefined);
    setEnv("GOOGLE_CLOUD_PROJECT", undefined);
    setEnv("GCLOUD_PROJECT", undefined);
    setEnv("HOME", empty);
    setEnv("CLOUDSDK_CONFIG", empty);
    // no metadata server is looked for
    setEnv("METADATA_SERVER_DETECTION", "none");
    const { transport } = aTransport(server, { credential: "application-default", ...project });
    const { outcomes } = await transport.send(toOne);
    expect(kinds(outcomes)).toEqual(["rejected authentication-failed"]);
    expect(JSON.stringify(outcomes)).toContain("GOOGLE_APPLICATION_CREDENTIALS");
  });
});

describe("the project", () => {
  it.each<
    [string, string, (server: V1Server) => Promise<Partial<FcmV1TransportOptions>> | Partial<FcmV1TransportOptions>]
  >([
    [
      "the option, before all others",
      "from-option",
      (server) => ({ projectId: "from-option", credential: keyFor(server) }),
    ],
    ["the key's, before the environment's", "demo", (server) => ({ credential: keyFor(server) })],
    [
      "the one of the key's file, before the environment's",
      "demo",
      async (server) => ({ credential: await aFile(JSON.stringify(keyFor(server))) }),
    ],
    ["the environment's, where the credential knows none", "from-environment", () => ({ credential: async () => "t" })],
    [
      "the environment's, where the key's file names none",
      "from-environment",
      async (server) => {
        const { project_id: _, ...rest } = keyFor(server);
        return { credential: await aFile(JSON.stringify(rest)) };
      },
    ],
    [
      "the environment's, before the one of the default credentials",
      "from-environment",
      async (server) => {
        setEnv("GOOGLE_APPLICATION_CREDENTIALS", await aFile(JSON.stringify(keyFor(server))));
        return { credential: "application-default" };
      },
    ],
    [
      "the one of the default credentials, where nothing else says it",
      "demo",
      async (server) => {
        setEnv("GOOGLE_CLOUD_PROJECT", undefined);
        setEnv("GCLOUD_PROJECT", undefined);
        setEnv("GOOGLE_APPLICATION_CREDENTIALS", await aFile(JSON.stringify(keyFor(server))));
        return { credential: "application-default" };
      },
    ],
  ])("is %s", async (_name, expected, options) => {
    const server = await aServer();
    setEnv("GOOGLE_CLOUD_PROJECT", "from-environment");
    const { transport } = aTransport(server, await options(server));
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    expect(server.requests[0]?.path).toBe(`/v1/projects/${expected}/messages:send`);
  });

  it("of each sender in one process has an address, a credential and a quota of its own", async () => {
    const server = await aServer();
    const [shop, news] = ["the-shop", "the-news"].map((projectId) => {
      const credential = async () => `ya29.${projectId}`;
      const address = { endpoint: server.origin, tls: { ca: server.ca }, projectId };
      const sender = createFcmSender({ ...address, credential, quota: { perMinute: 1 }, retry: false });
      cleanups.push(() => sender.close());
      return sender;
    }) as [FcmSender, FcmSender];
    const message = { target: { token: "tok-a" } };
    expect(kinds((await shop.send(message)).outcomes)).toEqual(["accepted"]);
    expect(kinds((await shop.send(message, { timeoutMs: 50 })).outcomes)).toEqual(["retryable timeout"]);
    expect(kinds((await news.send(message)).outcomes)).toEqual(["accepted"]);
    expect(server.requests.map(({ path, authorization }) => [path, authorization])).toEqual([
      ["/v1/projects/the-shop/messages:send", "Bearer ya29.the-shop"],
      ["/v1/projects/the-news/messages:send", "Bearer ya29.the-news"],
    ]);
  });

  it("that cannot be found out in time keeps no send longer than it wants to wait, nor close()", async () => {
    const server = await aServer();
    // a file that is opened and never read from: nobody writes to a pipe
    const path = join(await aFolder(), "pipe.json");
    await promisify(execFile)("mkfifo", [path]);
    const { transport, clock } = aTransport(server, { credential: path });
    const abort = new AbortController();
    const sends = [
      transport.send(toOne, { signal: abort.signal }),
      transport.send(toOne, { deadline: plusMs(clock.monotonic(), 1_000) }),
      transport.send(toOne),
    ];
    abort.abort();
    expect(kinds((await (sends[0] as (typeof sends)[0])).outcomes)).toEqual(["retryable aborted"]);
    await clock.advance(1_000);
    expect(kinds((await (sends[1] as (typeof sends)[0])).outcomes)).toEqual(["retryable timeout"]);
    await clock.advance(14_000);
    expect(kinds((await (sends[2] as (typeof sends)[0])).outcomes)).toEqual(["retryable timeout"]);
    const last = transport.send(toOne);
    await transport.close();
    expect(kinds((await last).outcomes)).toEqual(["retryable closed"]);
    expect(clock.scheduled).toBe(0);
    // lets those who read the pipe go
    await promisify(execFile)("sh", ["-c", `: > "$1"`, "sh", path]);
  });
});

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "credentials-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  return folder;
}

async function aFile(text: string): Promise<string> {
  const path = join(await aFolder(), "credential.json");
  await writeFile(path, text);
  return path;
}

function setEnv(name: string, value: string | undefined): void {
  const before = process.env[name];
  const put = (to: string | undefined): void => {
    if (to === undefined) delete process.env[name];
    else process.env[name] = to;
  };
  cleanups.push(() => put(before));
  put(value);
}
