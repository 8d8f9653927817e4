import { connect } from "node:net";
import { subscribe } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { createHttpApp } from "./http-app.ts";
import type { HttpRoute } from "./route.ts";

async function served(
  routes: readonly HttpRoute[],
  options: Parameters<typeof createHttpApp>[1] = { handshakeTimeoutMs: 10_000 },
) {
  const server = await createHttpApp(routes, options).listen({ host: "127.0.0.1", port: 0 });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

const echo: HttpRoute = {
  method: "POST",
  path: "/echo",
  maxBodyBytes: 10,
  handle: ({ body, headers }) => ({
    status: 200,
    body: JSON.stringify({ body, type: headers["content-type"] ?? null }),
  }),
};

/** Sends text over a plain socket and reads until the answer has so many bytes of `until`. */
function exchange(port: number, text: string, until: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let read = "";
    socket.on("data", (chunk) => {
      read += chunk;
      if (until.test(read)) socket.destroy();
    });
    // a server that closes unread bytes resets the connection
    socket.on("error", (error: NodeJS.ErrnoException) => error.code === "ECONNRESET" || reject(error));
    socket.on("close", () => resolve(read));
  });
}

describe("HTTP application", () => {
  it.each(["application/json", "no type at all", undefined])(
    "gives a handler the body under content type %s",
    async (type) => {
      await using server = await served([echo]);
      const head = type === undefined ? "" : `content-type: ${type}\r\n`;
      const answer = await exchange(
        server.port,
        `POST /echo HTTP/1.1\r\nhost: x\r\n${head}content-length: 6\r\n\r\nü €`,
        /\}$/,
      );
      expect(answer).toContain(`{"body":"ü €","type":${JSON.stringify(type ?? null)}`);
    },
  );

  it("answers 413 to a body over the limit, announced or not, and goes on serving", async () => {
    await using server = await served([echo]);
    const post = (body: string | ReadableStream) =>
      fetch(`${server.url}/echo`, {
        method: "POST",
        body,
        ...(typeof body === "string" ? {} : { duplex: "half" }),
      } as RequestInit);
    expect((await post("x".repeat(11))).status).toBe(413);
    expect((await post(new Blob(["x".repeat(11)]).stream())).status).toBe(413);
    expect((await post("x".repeat(10))).status).toBe(200);
  });

  it("answers 404 without a route, 400 to a malformed path, 404 for a route that hides", async () => {
    const hidden: HttpRoute = { ...echo, path: "/hidden", before: () => "not-found" };
    const statuses: [string, number, boolean][] = [];
    await using server = await served([hidden], {
      handshakeTimeoutMs: 10_000,
      onAnswer: ({ path }, status, route) => statuses.push([path, status, route !== undefined]),
    });
    for (const path of ["/nothing", "/%ZZ", "/hidden"]) await fetch(server.url + path, { method: "POST" });
    expect(statuses).toEqual([
      ["/nothing", 404, false],
      ["/%ZZ", 400, false],
      ["/hidden", 404, false],
    ]);
  });

  it("answers early without waiting for a body", async () => {
    await using server = await served([{ ...echo, before: () => ({ status: 401 }) }]);
    const answer = await exchange(
      server.port,
      "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n",
      /\r\n\r\n/,
    );
    expect(answer).toContain("401 Unauthorized");
  });

  it("answers 500 without the words of an error that a handler throws, and tells the owner once", async () => {
    const told: unknown[] = [];
    const error = new Error("the key is secret");
    const broken = (path: string, handle: HttpRoute["handle"]): HttpRoute => ({ method: "GET", path, handle });
    await using server = await served(
      [
        broken("/now", () => {
          throw error;
        }),
        broken("/later", () => Promise.reject(error)),
      ],
      { handshakeTimeoutMs: 10_000, onError: (thrown) => told.push(thrown) },
    );
    for (const path of ["/now", "/later"]) {
      const answer = await fetch(server.url + path);
      expect([answer.status, await answer.text()]).toEqual([500, "Internal Server Error\n"]);
    }
    expect(told).toEqual([error, error]);
  });

  it("answers whatever its listeners throw", async () => {
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice, detail }) => notices.push(`${notice}: ${detail}`));
    const fail = (): never => {
      throw new TypeError("a mistake of the program's");
    };
    await using server = await served([{ method: "GET", path: "/broken", handle: fail }], {
      handshakeTimeoutMs: 10_000,
      onAnswer: fail,
      onError: fail,
    });
    for (const [path, status] of [
      ["/broken", 500],
      ["/nowhere", 404],
      ["/%ZZ", 400],
    ] as const) {
      expect((await fetch(server.url + path)).status).toBe(status);
    }
    stop();
    expect(notices).toEqual([
      "error-listener-failed: TypeError",
      "answer-listener-failed: TypeError",
      "answer-listener-failed: TypeError",
      "answer-listener-failed: TypeError",
    ]);
  });

  it.each([
    ["is not from a proxy", false],
    ["has no header of the PROXY protocol", true],
  ])("closes a connection that %s, whatever the listener of refusals throws", async (_, isProxy) => {
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice, detail }) => notices.push(`${notice}: ${detail}`));
    const onRefused = (): never => {
      throw new TypeError("a mistake of the program's");
    };
    const app = createHttpApp([echo], { handshakeTimeoutMs: 10_000 });
    const proxyProtocol = { isProxy: () => isProxy, onRefused };
    const server = await app.listen({ host: "127.0.0.1", port: 0, proxyProtocol });
    expect(await exchange(server.port, "GET /echo HTTP/1.1\r\nhost: x\r\n\r\n", /./)).toBe("");
    stop();
    await server.close();
    expect(notices).toEqual(["refusal-listener-failed: TypeError"]);
  });

  it("takes a path in absolute form, as proxies send it", async () => {
    await using server = await served([
      { method: "GET", path: "/a", handle: ({ path }) => ({ status: 200, body: path }) },
    ]);
    const answer = await exchange(server.port, "GET http://other.example/a?b HTTP/1.1\r\nhost: x\r\n\r\n", /\/a$/);
    expect(answer).toContain("200 OK");
  });

  it("ends an open request when it is closed, and closes once", async () => {
    const server = await createHttpApp([{ ...echo, handle: () => new Promise(() => {}) }], {
      handshakeTimeoutMs: 10_000,
    }).listen({ host: "127.0.0.1", port: 0 });
    const open = fetch(`http://127.0.0.1:${server.port}/echo`, { method: "POST", body: "x" }).catch(() => "ended");
    const closing = server.close();
    expect(server.close()).toBe(closing);
    await closing;
    expect(await open).toBe("ended");
  });

  it("ends connections that would be kept alive with the answer under way when it drains", async () => {
    let arrived = (): void => {};
    let answer = (): void => {};
    const asked = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const released = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const slow: HttpRoute = {
      ...echo,
      async handle() {
        arrived();
        await released;
        return { status: 200, body: "{}" };
      },
    };
    const server = await createHttpApp([slow], { handshakeTimeoutMs: 10_000 }).listen({ host: "127.0.0.1", port: 0 });
    const request = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx";
    const answered = exchange(server.port, request, /never/);
    await asked;
    const drained = server.drain();
    answer();
    await drained;
    // the server ends it: the client would not
    expect(await answered).toMatch(/^HTTP\/1\.1 200 .*connection: close.*\{\}$/is);
    await server.close();
  });
});
