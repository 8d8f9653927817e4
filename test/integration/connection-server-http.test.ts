import { request } from "node:http";
import { createRequire } from "node:module";
import {
  createHttpApp,
  type Decision,
  DecisionTimeoutError,
  fcmV1Routes,
  gcmHttpRoutes,
  type IncomingMessage,
  type MessagingService,
  type ServerOptions,
  type TokenService,
  tokenRoutes,
} from "@cloud-messaging/connection-server";
import { createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";

interface NodeGcm {
  Message: new (message: object) => object;
  Sender: new (
    key: string,
    options: { uri: string },
  ) => {
    sendNoRetry(
      message: object,
      to: object,
      done: (error: unknown, body: { success: number; results: readonly object[] }) => void,
    ): void;
  };
}
const gcm = createRequire(import.meta.url)("node-gcm") as NodeGcm;

type Submit = MessagingService["submit"];

const accepted = ({ to }: IncomingMessage): Decision => ({ kind: "accepted", messageId: `id-of-${to}` });

async function serve(
  submit: Submit,
  options: Partial<ServerOptions & MessagingService> & { concurrent?: number } = {},
) {
  const failures: unknown[] = [];
  const {
    authenticate = ({ secret }) => (secret === "good" ? { kind: "sender" } : BAD),
    concurrent,
    refused,
    ...rest
  } = options;
  const service: MessagingService = { authenticate, submit, ...(refused ? { refused } : {}) };
  const shared = { ...rest, service, onServiceFailure: (error: unknown) => void failures.push(error) };
  const app = createHttpApp([...gcmHttpRoutes(shared), ...fcmV1Routes(shared)], {
    handshakeTimeoutMs: 10_000,
    ...(concurrent === undefined ? {} : { maxConcurrentRequests: concurrent }),
  });
  const server = await app.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${server.port}`;
  const post = async (path: string, authorization: string, body: unknown, type = "application/json") => {
    const answer = await fetch(url + path, {
      method: "POST",
      headers: { authorization, "content-type": type },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
  };
  return {
    url,
    failures,
    gcm: (body: unknown, type?: string) => post("/gcm/send", "key=good", body, type),
    v1: (body: unknown) => post("/v1/projects/p/messages:send", "Bearer good", body),
    post,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

const BAD = { kind: "refused", code: "authentication-failed" } as const;
const toToken = { message: { token: "t" } };

describe("a service whose decisions come late and out of order", () => {
  it("is answered in the order of the recipients", async () => {
    const decide = new Map<string, () => void>();
    let all = (): void => {};
    const asked = new Promise<void>((resolve) => {
      all = resolve;
    });
    await using server = await serve(
      (message) =>
        new Promise((resolve) => {
          decide.set(message.to, () =>
            resolve(message.to === "b" ? { kind: "refused", code: "not-registered" } : accepted(message)),
          );
          if (decide.size === 3) all();
        }),
    );
    const answer = server.gcm({ registration_ids: ["a", "b", "c"] });
    await asked;
    for (const token of ["c", "a", "b"]) decide.get(token)?.();
    const { results, success, failure } = (await answer).json();
    expect(results).toEqual([{ message_id: "id-of-a" }, { error: "NotRegistered" }, { message_id: "id-of-c" }]);
    expect([success, failure]).toEqual([2, 1]);
  });

  it("keeps no request from another", async () => {
    let first = (): void => {};
    await using server = await serve((message) =>
      message.to === "slow"
        ? new Promise((resolve) => {
            first = () => resolve(accepted(message));
          })
        : accepted(message),
    );
    const slow = server.v1({ message: { token: "slow" } });
    expect((await server.v1(toToken)).json()).toEqual({ name: "projects/p/messages/id-of-t" });
    first();
    expect((await slow).status).toBe(200);
  });

  it("serves node-gcm", async () => {
    await using server = await serve(async (message) => {
      await new Promise((resolve) => setImmediate(resolve));
      return accepted(message);
    });
    const sender = new gcm.Sender("good", { uri: `${server.url}/gcm/send` });
    const response = await new Promise<{ success: number }>((resolve, reject) => {
      sender.sendNoRetry(new gcm.Message({ data: { a: "1" } }), { registrationTokens: ["x", "y"] }, (error, body) =>
        error ? reject(error) : resolve(body),
      );
    });
    expect(response.success).toBe(2);
  });
});

describe.each([
  [
    "throws",
    () => {
      throw new Error("secret");
    },
  ],
  ["rejects", () => Promise.reject(new Error("secret"))],
] as [string, () => never][])("a service that %s", (_how, fail) => {
  it("is answered as an internal error without the reason, and told once per message", async () => {
    await using server = await serve(fail);
    expect((await server.gcm({ to: "t" })).json().results).toEqual([{ error: "InternalServerError" }]);
    expect((await server.gcm("registration_id=t", "application/x-www-form-urlencoded")).status).toBe(500);
    const v1 = await server.v1(toToken);
    expect([v1.status, v1.json().error.status]).toEqual([500, "INTERNAL"]);
    expect(v1.text).not.toContain("secret");
    expect(server.failures).toEqual([new Error("secret"), new Error("secret"), new Error("secret")]);
  });

  it("is answered 500 when it fails to authenticate", async () => {
    await using server = await serve(accepted, { authenticate: fail });
    expect((await server.gcm({ to: "t" })).status).toBe(500);
    expect((await server.v1(toToken)).status).toBe(500);
    expect(server.failures).toHaveLength(2);
  });
});

describe("a service that never answers", () => {
  it("leads to an internal error when the time limit has passed, told once, even if it answers later", async () => {
    const clock = createManualClock();
    let late = (): void => {};
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    await using server = await serve(
      (message) =>
        new Promise((resolve) => {
          late = () => resolve(accepted(message));
          asked();
        }),
      { clock, decisionTimeoutMs: 5_000 },
    );
    const answer = server.gcm({ to: "t" });
    await isAsked;
    await clock.advance(5_000);
    expect((await answer).json().results).toEqual([{ error: "InternalServerError" }]);
    late();
    expect(server.failures).toEqual([new DecisionTimeoutError("submit", 5_000)]);
  });
});

describe("a service that refuses", () => {
  it.each([
    ["GCM HTTP, JSON", "/gcm/send", "key=bad", 401],
    ["GCM HTTP without a key", "/gcm/send", "", 401],
    ["FCM v1", "/v1/projects/p/messages:send", "Bearer bad", 401],
  ])("a login: %s is answered 401", async (_name, path, authorization, status) => {
    await using server = await serve(accepted);
    expect((await server.post(path, authorization, toToken)).status).toBe(status);
  });

  it("a login for the time being: 503 with Retry-After", async () => {
    await using server = await serve(accepted, {
      authenticate: () => ({ kind: "refused", code: "unavailable", retryAfter: "7" }),
    });
    for (const answer of [await server.gcm({ to: "t" }), await server.v1(toToken)]) {
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "7"]);
    }
  });

  it("a message: its word on each wire, and Retry-After", async () => {
    await using server = await serve(() => ({ kind: "refused", code: "unavailable", retryAfter: "9" }));
    const legacy = await server.gcm({ to: "t" });
    expect([legacy.json().results, legacy.headers.get("retry-after")]).toEqual([[{ error: "Unavailable" }], "9"]);
    const v1 = await server.v1(toToken);
    expect([v1.status, v1.headers.get("retry-after")]).toEqual([503, "9"]);
  });

  it("is told of messages that the protocol refused, and is not asked about them", async () => {
    const told: string[] = [];
    let asked = 0;
    await using server = await serve(
      (message) => {
        asked++;
        return accepted(message);
      },
      { refused: (message, { detail }) => void told.push(`${message.protocol}: ${detail}`) },
    );
    expect((await server.gcm("{")).status).toBe(400);
    expect((await server.v1({ message: { token: 7, topic: "x" } })).status).toBe(400);
    expect(told).toHaveLength(2);
    expect(asked).toBe(0);
  });
});

describe("a slow service", () => {
  it("leaves the body of a request beyond the limit unread until a permit is free", async () => {
    let release = (): void => {};
    const order: string[] = [];
    await using server = await serve(
      (message) =>
        new Promise((resolve) => {
          order.push(`asked ${message.to}`);
          if (message.to !== "first") return resolve(accepted(message));
          release = () => {
            order.push("decided first");
            resolve(accepted(message));
          };
          started();
        }),
      { concurrent: 1 },
    );
    let started = (): void => {};
    const isStarted = new Promise<void>((resolve) => {
      started = resolve;
    });
    const first = server.gcm({ to: "first" });
    await isStarted;
    const second = server.gcm({ to: "second" });
    const gone = request(`${server.url}/gcm/send`, { method: "POST", headers: { authorization: "key=good" } });
    await new Promise<void>((resolve) => {
      gone.on("error", () => {}).on("socket", (socket) => socket.on("connect", resolve));
      gone.write("{");
    });
    // a path without a route is answered at once, after what came before it was read
    for (let i = 0; i < 3; i++) expect((await fetch(`${server.url}/nothing`)).status).toBe(404);
    gone.destroy();
    release();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    expect(order).toEqual(["asked first", "decided first", "asked second"]);
  });
});

describe("the token endpoint", () => {
  const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
  async function serveTokens(exchange: TokenService["exchange"], options: Partial<ServerOptions> = {}) {
    const failures: unknown[] = [];
    const onServiceFailure = (error: unknown): void => void failures.push(error);
    const routes = tokenRoutes({ ...options, service: { exchange }, onServiceFailure });
    const server = await createHttpApp(routes, { handshakeTimeoutMs: 10_000 }).listen({ host: "127.0.0.1", port: 0 });
    return {
      failures,
      async post(form: Record<string, string>, path = "/token") {
        const body = new URLSearchParams(form);
        const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: "POST", body });
        const json = (await answer.json()) as { readonly error?: string };
        return [answer.status, json, answer.headers.get("cache-control")] as const;
      },
      [Symbol.asyncDispose]: () => server.close(),
    };
  }

  it.each(["/token", "/oauth2/v4/token", "/oauth2/v3/token", "/o/oauth2/token"])(
    "hands a grant to the service under %s and answers with its token, which may come late",
    async (path) => {
      const grants: unknown[] = [];
      await using server = await serveTokens(async (grant) => {
        grants.push(grant);
        await new Promise((resolve) => setImmediate(resolve));
        return { kind: "issued", accessToken: "ya29.x", expiresInSec: 60 };
      });
      const token = { access_token: "ya29.x", expires_in: 60, token_type: "Bearer" };
      expect(await server.post({ grant_type: JWT_BEARER, assertion: "a.b.c" }, path)).toEqual([200, token, "no-store"]);
      await server.post({ grant_type: "refresh_token", refresh_token: "1//x", client_secret: "s" }, path);
      expect(grants).toEqual([
        { kind: "jwt-bearer", assertion: "a.b.c" },
        { kind: "refresh-token", refreshToken: "1//x" },
      ]);
    },
  );

  it("answers a refusal 400 with its code, and a grant of another type without asking", async () => {
    await using server = await serveTokens(() => ({ kind: "refused", error: "invalid_grant", detail: "revoked" }));
    const refused = { error: "invalid_grant", error_description: "revoked" };
    expect(await server.post({ grant_type: JWT_BEARER })).toEqual([400, refused, "no-store"]);
    const other = { error: "unsupported_grant_type", error_description: "Invalid grant_type: password" };
    expect(await server.post({ grant_type: "password" })).toEqual([400, other, "no-store"]);
  });

  it.each([
    [
      "throws",
      (): never => {
        throw new Error("secret");
      },
      new Error("secret"),
    ],
    ["rejects", () => Promise.reject(new Error("secret")), new Error("secret")],
    ["gives no token", () => ({ kind: "issued" }), expect.any(TypeError)],
  ] as [string, () => never, unknown][])(
    "answers 500 without the reason when the service %s, told once",
    async (_how, fail, error) => {
      await using server = await serveTokens(fail);
      const [status, body] = await server.post({ grant_type: JWT_BEARER });
      expect([status, body.error]).toEqual([500, "internal_failure"]);
      expect(JSON.stringify(body)).not.toContain("secret");
      expect(server.failures).toEqual([error]);
    },
  );

  it("answers 500 when the service has not answered in time", async () => {
    const clock = createManualClock();
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    await using server = await serveTokens(
      () => {
        asked();
        return new Promise(() => {});
      },
      { clock, decisionTimeoutMs: 5_000 },
    );
    const answer = server.post({ grant_type: JWT_BEARER });
    await isAsked;
    await clock.advance(5_000);
    expect((await answer)[0]).toBe(500);
    expect(server.failures).toEqual([new DecisionTimeoutError("exchange", 5_000)]);
  });
});
