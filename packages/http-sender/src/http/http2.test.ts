import { getEventListeners } from "node:events";
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { type Clock, createManualClock, type ManualClock } from "@cloud-messaging/core";
import { type MonotonicInstant, plusMs } from "@cloud-messaging/core/transport";
import { afterEach, describe, expect, it } from "vitest";
import type { HttpClient, HttpResult } from "./http-client.ts";
import { createHttp2Client, type Http2ClientOptions } from "./http2.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface TestServer {
  readonly origin: string;
  readonly server: Http2Server;
  readonly sessions: ServerHttp2Session[];
  readonly sockets: Socket[];
  /** Bodies of the requests that arrived, in order. */
  readonly bodies: string[];
}

type Handler = (stream: ServerHttp2Stream, body: string, session: ServerHttp2Session) => void;

const answerOk: Handler = (stream, body) => {
  stream.respond({ ":status": 200 });
  stream.end(`ok ${body}`);
};

/** A cleartext HTTP/2 server that hands over each request whole. */
async function aServer(handler: Handler, settings: { maxConcurrentStreams?: number } = {}): Promise<TestServer> {
  const server = createServer({ settings });
  const sessions: ServerHttp2Session[] = [];
  const bodies: string[] = [];
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream) => {
    let body = "";
    stream.setEncoding("utf8");
    stream.on("error", () => {});
    stream.on("data", (chunk: string) => {
      body += chunk;
    });
    stream.on("end", () => {
      bodies.push(body);
      handler(stream, body, stream.session as ServerHttp2Session);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, server, sessions, sockets, bodies };
}

/** Stands between client and server, and can forget the connections it has: neither end is told. */
async function aRelay(origin: string): Promise<{ readonly origin: string; forget(): void }> {
  const pairs: Socket[] = [];
  const relay = createTcpServer((near) => {
    const far = connect(Number(new URL(origin).port), "127.0.0.1");
    for (const socket of [near, far]) {
      socket.on("error", () => {});
      pairs.push(socket);
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of pairs) socket.destroy();
    relay.close();
  });
  return {
    origin: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    forget() {
      for (const socket of pairs.slice()) {
        socket.unpipe();
        socket.pause();
      }
    },
  };
}

function aClient(origin: string, options: Partial<Http2ClientOptions> = {}): HttpClient {
  const client = createHttp2Client({
    origin,
    transport: "test",
    maxConnections: 2,
    maxRequests: 200,
    timeoutMs: 15_000,
    idleTimeoutMs: 120_000,
    maxResponseBytes: 1_000,
    closeTimeoutMs: 0,
    ...options,
  });
  cleanups.push(() => client.close());
  return client;
}

function post(client: HttpClient, body: string, more: { signal?: AbortSignal; deadline?: MonotonicInstant } = {}) {
  return client.request({ method: "POST", path: "/send", headers: ["x-key", "k"], body, ...more });
}

const kindsOf = (results: readonly HttpResult[]): string[] =>
  results.map((result) => (result.kind === "answer" ? `${result.status}` : `${result.code} ${result.written}`));

/** Resolves when the condition holds; looks again after every turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("HTTP/2: one connection for many requests", () => {
  it("ends a request whose body cannot be encoded, and gives its stream to the next", async () => {
    const { origin } = await aServer(answerOk);
    const client = aClient(origin, { maxRequests: 1, maxConnections: 1 });
    const body = () => {
      throw new TypeError("no text");
    };
    const unreadable = client.request({ method: "POST", path: "/send", headers: [], body });
    const results = await Promise.all([unreadable, post(client, "later")]);
    expect(kindsOf(results)).toEqual(["invalid-argument false", "200"]);
    expect(client.pending).toBe(0);
  });

  it("carries requests and answers side by side, and stays for the next", async () => {
    const { origin, sessions } = await aServer(answerOk);
    const client = aClient(origin);
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => post(client, `m${i}`)));
    expect(results.map((result) => result.kind === "answer" && result.body)).toEqual(
      Array.from({ length: 50 }, (_, i) => `ok m${i}`),
    );
    await post(client, "later");
    expect(sessions).toHaveLength(1);
    expect(client.pending).toBe(0);
  });

  it("reads an answer behind a byte order mark", async () => {
    const { origin } = await aServer((stream) => {
      stream.respond({ ":status": 200 });
      stream.end('\ufeff{"name":"x"}');
    });
    expect(await post(aClient(origin), "a")).toMatchObject({ kind: "answer", body: '{"name":"x"}' });
  });

  it("opens no more streams than SETTINGS allow, takes a second connection for the rest, and never a third", async () => {
    const waiting: ServerHttp2Stream[] = [];
    const mostBySession = new Map<ServerHttp2Session, number>();
    const { origin, sessions } = await aServer(
      (stream, _body, session) => {
        waiting.push(stream);
        const open = waiting.filter((one) => one.session === session).length;
        mostBySession.set(session, Math.max(open, mostBySession.get(session) ?? 0));
      },
      { maxConcurrentStreams: 3 },
    );
    const client = aClient(origin);
    const results = Promise.all(Array.from({ length: 10 }, (_, i) => post(client, `m${i}`)));
    let answered = 0;
    while (answered < 10) {
      await until(() => waiting.length > 0);
      const stream = waiting.shift() as ServerHttp2Stream;
      stream.respond({ ":status": 200 });
      stream.end();
      answered++;
    }
    expect(kindsOf(await results)).toEqual(Array(10).fill("200"));
    expect(sessions).toHaveLength(2);
    expect([...mostBySession.values()].every((most) => most <= 3)).toBe(true);
  });

  it("follows a change of SETTINGS while it runs", async () => {
    const waiting: ServerHttp2Stream[] = [];
    const { origin, sessions } = await aServer((stream) => waiting.push(stream), { maxConcurrentStreams: 1 });
    const client = aClient(origin, { maxConnections: 1 });
    const results = Promise.all(Array.from({ length: 5 }, (_, i) => post(client, `m${i}`)));
    await until(() => waiting.length === 1);
    sessions[0]?.settings({ maxConcurrentStreams: 5 });
    await until(() => waiting.length === 5);
    for (const stream of waiting) {
      stream.respond({ ":status": 200 });
      stream.end();
    }
    expect(kindsOf(await results)).toEqual(Array(5).fill("200"));
  });
});

describe("HTTP/2: a server that takes fewer", () => {
  it("streams than it has refused is asked for none, and what waits is unsent when its time is up", async () => {
    const clock = createManualClock();
    const { origin, bodies } = await aServer((stream, _body, session) => {
      session.settings({ maxConcurrentStreams: 0 }, () => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    });
    const client = aClient(origin, { clock, maxConnections: 1 });
    const results = [post(client, "a"), post(client, "b")];
    await until(() => bodies.length === 2);
    while (client.pending > 0) await clock.advance(1_000);
    expect(kindsOf(await Promise.all(results))).toEqual(["timeout false", "timeout false"]);
    expect(bodies).toHaveLength(2);
  });

  it("connections than we may have is not asked for another all the time while the one it took is busy", async () => {
    const clock = createManualClock();
    const held: ServerHttp2Stream[] = [];
    const { origin } = await aServer((stream) => held.push(stream), { maxConcurrentStreams: 1 });
    let asked = 0;
    const relay = createTcpServer((near) => {
      near.on("error", () => {});
      if (++asked > 1) return near.destroy();
      const far = connect(Number(new URL(origin).port), "127.0.0.1");
      far.on("error", () => {});
      cleanups.push(() => void near.destroy());
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => void relay.close());
    const client = aClient(`http://127.0.0.1:${(relay.address() as AddressInfo).port}`, { clock, maxConnections: 4 });
    const results = Promise.all(Array.from({ length: 30 }, (_, i) => post(client, `m${i}`)));
    const answerNext = async (): Promise<void> => {
      await until(() => held.length > 0);
      const stream = held.shift() as ServerHttp2Stream;
      stream.respond({ ":status": 200 });
      stream.end();
    };
    for (let answered = 0; answered < 10; answered++) await answerNext();
    expect(asked).toBe(2);
    // it is asked again after a while, and then after a longer one
    await clock.advance(100);
    for (let answered = 0; answered < 10; answered++) await answerNext();
    await clock.advance(100);
    for (let answered = 0; answered < 10; answered++) await answerNext();
    expect(kindsOf(await results)).toEqual(Array(30).fill("200"));
    expect(asked).toBe(3);
  });
});

describe("HTTP/2: what provably was not processed goes elsewhere at once", () => {
  it("a refused stream", async () => {
    const seen = new Set<string>();
    const { origin, bodies } = await aServer((stream, body, session) => {
      if (seen.has(body)) answerOk(stream, body, session);
      else stream.close(constants.NGHTTP2_REFUSED_STREAM);
      seen.add(body);
    });
    const client = aClient(origin);
    expect(kindsOf(await Promise.all([post(client, "a"), post(client, "b")]))).toEqual(["200", "200"]);
    expect(bodies.sort()).toEqual(["a", "a", "b", "b"]);
  });

  /** A clock that tells how long it was asked to wait each time. */
  function aNotingClock() {
    const clock = createManualClock();
    const delays: number[] = [];
    const noting: Clock = {
      ...clock,
      schedule: (delayMs, run) => {
        delays.push(delayMs);
        return clock.schedule(delayMs, run);
      },
    };
    return { clock, noting, delays };
  }

  it("a stream that is refused again and again is tried ever later, and ends as unsent", async () => {
    const { clock, noting, delays } = aNotingClock();
    const { origin, bodies } = await aServer((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const result = post(aClient(origin, { clock: noting }), "a");
    let tries = 2;
    for (const delayMs of [20, 80, 320, 1_000]) {
      await until(() => delays.includes(delayMs));
      expect(bodies).toHaveLength(tries);
      await clock.advance(delayMs - 1);
      expect(bodies).toHaveLength(tries);
      await clock.advance(1);
      tries++;
    }
    expect(await result).toMatchObject({ kind: "failure", code: "connection-lost", written: false });
    expect(bodies).toHaveLength(6);
    expect(clock.scheduled).toBe(0);
  });

  it.each([
    ["aborted", (abort: AbortController) => abort.abort()],
    ["timeout", (_: AbortController, clock: ManualClock) => clock.advance(15_000)],
    ["closed", (_: AbortController, _clock: ManualClock, client: HttpClient) => client.close()],
  ])("a refused stream that waits to be tried again ends as unsent when it is %s", async (code, end) => {
    const { clock, noting, delays } = aNotingClock();
    let refusals = 0;
    const { origin } = await aServer((stream) => {
      if (++refusals <= 2) stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
    const client = aClient(origin, { clock: noting, timeoutMs: 10 });
    const abort = new AbortController();
    const result = post(client, "a", { signal: abort.signal });
    await until(() => delays.includes(20));
    const ended = end(abort, clock, client);
    if (code === "closed") await clock.advance(0);
    expect(await result).toMatchObject({ code, written: false });
    await ended;
    expect(clock.scheduled).toBe(0);
    expect(refusals).toBe(2);
  });

  it("a refused stream goes to another connection where one has room", async () => {
    const streams: { stream: ServerHttp2Stream; session: ServerHttp2Session; body: string }[] = [];
    const { origin, sessions } = await aServer((stream, body, session) => streams.push({ stream, body, session }), {
      maxConcurrentStreams: 1,
    });
    const client = aClient(origin);
    const first = [post(client, "a"), post(client, "b")];
    await until(() => streams.length === 2);
    for (const { stream, body, session } of streams.splice(0)) answerOk(stream, body, session);
    await Promise.all(first);
    const result = post(client, "c");
    await until(() => streams.length === 1);
    const refusing = streams[0]?.session;
    streams[0]?.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    await until(() => streams.length === 2);
    expect(streams[1]?.session).not.toBe(refusing);
    expect(sessions).toHaveLength(2);
    answerOk(streams[1]?.stream as ServerHttp2Stream, "c", sessions[0] as ServerHttp2Session);
    expect(kindsOf([await result])).toEqual(["200"]);
  });

  it("streams above GOAWAY's last stream ID, while those at or below it finish where they are", async () => {
    const held: { stream: ServerHttp2Stream; body: string; session: ServerHttp2Session }[] = [];
    const { origin, sessions, bodies } = await aServer((stream, body, session) => {
      if (session === sessions[0]) held.push({ stream, body, session });
      else answerOk(stream, body, session);
    });
    const client = aClient(origin);
    const results = Promise.all(Array.from({ length: 6 }, (_, i) => post(client, `m${i}`)));
    await until(() => held.length === 6);
    const last = held[2]?.stream.id as number;
    sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, last);
    await until(() => bodies.length === 9);
    for (const { stream, body, session } of held) if ((stream.id as number) <= last) answerOk(stream, body, session);
    expect(kindsOf(await results)).toEqual(Array(6).fill("200"));
    expect(bodies.slice(6).sort()).toEqual(["m3", "m4", "m5"]);
    expect(sessions).toHaveLength(2);
  });

  it("under GOAWAY with an error too; what was at or below it then is lost", async () => {
    let held = 0;
    const { origin, sessions, bodies } = await aServer((stream, body, session) => {
      if (session !== sessions[0]) answerOk(stream, body, session);
      else if (++held === 4) session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, (stream.id as number) - 4);
    });
    const client = aClient(origin);
    const results = await Promise.all(Array.from({ length: 4 }, (_, i) => post(client, `m${i}`)));
    expect(kindsOf(results)).toEqual(["connection-lost true", "connection-lost true", "200", "200"]);
    expect(JSON.stringify(results[0])).toContain("ENHANCE_YOUR_CALM");
    expect(bodies.slice(4).sort()).toEqual(["m2", "m3"]);
  });
});

describe("HTTP/2: what was written and is lost is said to be so, and never sent again", () => {
  it.each([
    ["the stream is reset", (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)],
    ["the stream is cancelled", (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ["the connection is cut", (stream: ServerHttp2Stream) => (stream.session as ServerHttp2Session).destroy()],
  ])("when %s", async (_name, fault) => {
    const { origin, bodies } = await aServer((stream) => fault(stream));
    const result = await post(aClient(origin), "a");
    expect(result).toMatchObject({ kind: "failure", code: "connection-lost", written: true });
    expect(bodies).toEqual(["a"]);
  });

  it("when the socket is reset", async () => {
    const { origin, sockets, bodies } = await aServer(() => sockets[0]?.resetAndDestroy());
    const result = await post(aClient(origin), "a");
    expect(result).toMatchObject({ kind: "failure", code: "connection-lost", written: true });
    expect(JSON.stringify(result)).toContain("ECONNRESET");
    expect(bodies).toEqual(["a"]);
  });

  it("when the answer is cut off, which is told by its status and as incomplete", async () => {
    const { origin } = await aServer((stream) => {
      stream.respond({ ":status": 200, "content-length": "100" });
      stream.write("half", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    });
    expect(await post(aClient(origin), "a")).toMatchObject({
      kind: "answer",
      status: 200,
      incomplete: { code: "connection-lost" },
    });
  });

  it("when the answer is too long", async () => {
    const { origin } = await aServer((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("x".repeat(2_000));
    });
    expect(await post(aClient(origin), "a")).toMatchObject({
      kind: "answer",
      incomplete: { code: "invalid-response", detail: "the answer is longer than 1000 bytes" },
    });
  });

  it("when nobody answers in time, and the connection serves the next request", async () => {
    const clock = createManualClock();
    const { origin, sessions, bodies } = await aServer((stream, body, session) => {
      if (body !== "slow") answerOk(stream, body, session);
    });
    const client = aClient(origin, { clock });
    const slow = post(client, "slow", { deadline: plusMs(clock.monotonic(), 1_000) });
    await until(() => bodies.length === 1);
    await clock.advance(1_000);
    expect(await slow).toMatchObject({ kind: "failure", code: "timeout", written: true });
    expect(kindsOf([await post(client, "next")])).toEqual(["200"]);
    expect(sessions).toHaveLength(1);
  });

  it("when the caller's signal aborts", async () => {
    const { origin, bodies } = await aServer(() => {});
    const abort = new AbortController();
    const result = post(aClient(origin), "a", { signal: abort.signal });
    await until(() => bodies.length === 1);
    abort.abort();
    expect(await result).toMatchObject({ kind: "failure", code: "aborted", written: true });
  });
});

describe("HTTP/2: what never left is said to be so", () => {
  it("when nobody listens", async () => {
    const { origin, server } = await aServer(answerOk);
    await new Promise((resolve) => server.close(resolve));
    const result = await post(aClient(origin), "a");
    expect(result).toMatchObject({ kind: "failure", code: "connection-failed", written: false });
    expect(JSON.stringify(result)).toContain("ECONNREFUSED");
  });

  it("when the far end does not speak HTTP/2", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const result = await post(aClient(`http://127.0.0.1:${port}`), "a");
    expect(result).toMatchObject({ kind: "failure", code: "wrong-protocol", written: false });
    expect(JSON.stringify(result)).toContain("127.0.0.1 does not speak HTTP/2");
  });

  it("when no connection comes about in time, or the caller gives up before", async () => {
    const clock = createManualClock();
    const silent = createTcpServer((socket) => void socket.on("error", () => {}));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => void silent.close());
    const client = aClient(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, { clock });
    const abort = new AbortController();
    const first = post(client, "a");
    const second = post(client, "b", { signal: abort.signal });
    abort.abort();
    expect(await second).toMatchObject({ code: "aborted", written: false });
    expect(await post(client, "c", { signal: abort.signal })).toMatchObject({ code: "aborted", written: false });
    expect(await post(client, "d", { deadline: clock.monotonic() })).toMatchObject({ code: "timeout", written: false });
    await clock.advance(10_000);
    expect(await first).toMatchObject({ code: "connection-failed", written: false });
    expect(clock.scheduled).toBe(0);
  });
});

describe("HTTP/2: the time of an attempt", () => {
  it("begins when its turn has come, and the deadline holds before that too", async () => {
    const clock = createManualClock();
    const held: ServerHttp2Stream[] = [];
    const { origin } = await aServer((stream) => held.push(stream));
    const client = aClient(origin, { clock, maxRequests: 1 });
    const results = [
      post(client, "a"),
      post(client, "b"),
      post(client, "c", { deadline: plusMs(clock.monotonic(), 5_000) }),
    ];
    for (let turn = 1; turn <= 2; turn++) {
      await until(() => held.length === turn);
      await clock.advance(4_000);
      await clock.advance(4_000);
      await clock.advance(4_000);
      held[turn - 1]?.respond({ ":status": 200 });
      held[turn - 1]?.end();
      await results[turn - 1];
    }
    expect(kindsOf(await Promise.all(results))).toEqual(["200", "200", "timeout false"]);
  });

  it("is bound to a signal that any number of requests share by one listener", async () => {
    const { origin } = await aServer(() => {});
    const client = aClient(origin);
    const abort = new AbortController();
    const results = Array.from({ length: 50 }, (_, i) => post(client, `m${i}`, { signal: abort.signal }));
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(1);
    abort.abort();
    expect((await Promise.all(results)).every((result) => result.kind === "failure" && result.code === "aborted")).toBe(
      true,
    );
  });
});

describe("HTTP/2: the life of a connection", () => {
  it("ends with our hanging up after GOAWAY, also where the far end never does", async () => {
    const { origin, sessions } = await aServer(answerOk);
    const nears: Socket[] = [];
    const proxy = createTcpServer({ allowHalfOpen: true }, (near) => {
      nears.push(near);
      const far = connect(Number(new URL(origin).port), "127.0.0.1");
      for (const socket of [near, far]) socket.on("error", () => {});
      near.pipe(far, { end: false });
      far.pipe(near, { end: false });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => {
      for (const near of nears) near.destroy();
      proxy.close();
    });
    const client = aClient(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    await post(client, "a");
    let gone = false;
    nears[0]?.once("close", () => {
      gone = true;
    });
    sessions[0]?.goaway();
    // a socket that is only half closed on the other side takes this without a word; one that is gone resets
    while (!gone) {
      if (nears[0]?.readableEnded) nears[0].write("x");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(kindsOf([await post(client, "b")])).toEqual(["200"]);
    expect(nears).toHaveLength(2);
  });

  it("that the server ends while it is idle is no error: the next request opens another", async () => {
    const { origin, sessions } = await aServer(answerOk);
    const client = aClient(origin);
    await post(client, "a");
    const closed = new Promise((resolve) => sessions[0]?.once("close", resolve));
    sessions[0]?.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await closed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(kindsOf([await post(client, "b")])).toEqual(["200"]);
    expect(sessions).toHaveLength(2);
  });

  it("that was not used for long is not trusted any more", async () => {
    const clock = createManualClock();
    const { origin, sessions } = await aServer(answerOk);
    const client = aClient(origin, { clock, idleTimeoutMs: 60_000 });
    await post(client, "a");
    await clock.advance(60_000);
    await post(client, "b");
    expect(sessions).toHaveLength(1);
    await clock.advance(60_001);
    await post(client, "c");
    expect(sessions).toHaveLength(2);
  });

  it("that answers a ping is left in peace; one that does not is given up, and its requests are settled", async () => {
    const clock = createManualClock();
    const { origin, sessions, bodies } = await aServer((stream, body, session) => {
      if (body === "next") answerOk(stream, body, session);
    });
    const relay = await aRelay(origin);
    const client = aClient(relay.origin, { clock, timeoutMs: 60_000 });
    const result = post(client, "a");
    await until(() => bodies.length === 1);
    let pings = 0;
    sessions[0]?.on("ping", () => pings++);
    await clock.advance(4_999);
    expect(pings).toBe(0);
    await clock.advance(1);
    await until(() => pings === 1);
    // its answer comes behind that of the ping
    expect(kindsOf([await post(client, "next")])).toEqual(["200"]);
    relay.forget();
    for (let i = 0; i < 3 && client.pending > 0; i++) await clock.advance(5_000);
    expect(await result).toMatchObject({ kind: "failure", code: "connection-lost", written: true });
    expect(JSON.stringify(await result)).toContain("ping");
    expect(kindsOf([await post(client, "next")])).toEqual(["200"]);
    expect(clock.scheduled).toBe(0);
  });

  it("is noticed within one time limit however many died at once, and those that wait lose nothing", async () => {
    const clock = createManualClock();
    let connections = 0;
    const held: (() => void)[] = [];
    // four at a time, so that there are four connections
    const { origin, server } = await aServer(
      (...request) => {
        held.push(() => answerOk(...request));
        if (held.length === 4) for (const answer of held.splice(0)) answer();
      },
      { maxConcurrentStreams: 1 },
    );
    server.on("connection", () => connections++);
    const relay = await aRelay(origin);
    for (const maxConnections of [8, 4]) {
      connections = 0;
      const client = aClient(relay.origin, { clock, maxConnections });
      const four = () => Promise.all(["a", "b", "c", "d"].map((body) => post(client, body)));
      expect(kindsOf(await four())).toEqual(["200", "200", "200", "200"]);
      expect(connections).toBe(4);
      relay.forget();
      // a request that finds a dead connection is lost with it; the others wait for one that answers
      const results = Promise.all([four(), clock.advance(5_000).then(() => four())]);
      // where there may be more connections, a second without an answer is enough; else they are given up together, not one by one
      for (let ms = 5_000; ms < 15_000 && client.pending > 0; ms += 250) {
        await clock.advance(250);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect(client.pending).toBe(0);
      const [first, later] = await results;
      expect(kindsOf(first)).toEqual(Array(4).fill("connection-lost true"));
      expect(kindsOf(later)).toEqual(["200", "200", "200", "200"]);
      await client.close();
    }
  });

  it("that was quiet answers a ping before it is used again", async () => {
    const clock = createManualClock();
    const { origin, sessions } = await aServer(answerOk);
    const relay = await aRelay(origin);
    const client = aClient(relay.origin, { clock });
    await post(client, "a");
    let pings = 0;
    sessions[0]?.on("ping", () => pings++);
    await clock.advance(4_999);
    await post(client, "b");
    expect(pings).toBe(0);
    await clock.advance(5_000);
    expect(kindsOf([await post(client, "c")])).toEqual(["200"]);
    expect(pings).toBe(1);
    expect(sessions).toHaveLength(1);
    await clock.advance(60_000);
    relay.forget();
    const result = post(client, "d");
    // not a byte of the request goes into the dead connection
    await clock.advance(1_000);
    await until(() => sessions.length === 2);
    expect(kindsOf([await result])).toEqual(["200"]);
    await clock.advance(4_000);
    expect(clock.scheduled).toBe(0);
  });

  it("falls to half the requests at once when the service is overloaded, and comes back", async () => {
    let overloaded = true;
    const { origin } = await aServer((stream) => {
      stream.respond({ ":status": overloaded ? 429 : 200 });
      stream.end();
    });
    const client = aClient(origin, { maxRequests: 16 });
    await Promise.all(Array.from({ length: 16 }, (_, i) => post(client, `m${i}`)));
    expect(client.concurrency).toBe(8);
    overloaded = false;
    for (let i = 0; i < 8; i++) await post(client, `n${i}`);
    expect(client.concurrency).toBe(9);
  });

  it("comes back by refusals too: a service that says no to a message has the time to say so", async () => {
    let status = 503;
    const { origin } = await aServer((stream) => {
      stream.respond({ ":status": status });
      stream.end();
    });
    const client = aClient(origin, { maxRequests: 2 });
    await post(client, "a");
    expect(client.concurrency).toBe(1);
    status = 404;
    await post(client, "b");
    expect(client.concurrency).toBe(2);
  });

  it("falls too when the service has become slow, and comes back when it is quick again", async () => {
    const clock = createManualClock();
    let slow = false;
    const held: ServerHttp2Stream[] = [];
    const { origin } = await aServer((stream, body, session) => {
      if (slow) held.push(stream);
      else answerOk(stream, body, session);
    });
    const client = aClient(origin, { clock, maxRequests: 4 });
    for (let i = 0; i < 60; i++) await post(client, "quick");
    expect(client.concurrency).toBe(4);
    slow = true;
    for (let i = 0; i < 5; i++) {
      const answered = post(client, "slow");
      await until(() => held.length === 1);
      await clock.advance(2_000);
      answerOk(held.pop() as ServerHttp2Stream, "slow", {} as ServerHttp2Session);
      await answered;
    }
    expect(client.concurrency).toBeLessThan(4);
    slow = false;
    for (let i = 0; i < 60; i++) await post(client, "quick");
    expect(client.concurrency).toBe(4);
    await client.close();
    expect(clock.scheduled).toBe(0);
  });

  it("closes once, ends what is under way when its time is up, and refuses the rest", async () => {
    const clock = createManualClock();
    const { origin, bodies } = await aServer((stream, body, session) => {
      if (body === "quick") answerOk(stream, body, session);
    });
    const client = aClient(origin, { clock, closeTimeoutMs: 5_000 });
    const stuck = post(client, "stuck");
    await until(() => bodies.length === 1);
    const closing = client.close();
    expect(client.close()).toBe(closing);
    expect(await post(client, "late")).toMatchObject({ code: "closed", written: false });
    await clock.advance(5_000);
    expect(await stuck).toMatchObject({ code: "closed", written: true });
    await closing;
    expect(clock.scheduled).toBe(0);
  });

  it("closes at once while it is connecting", async () => {
    const silent = createTcpServer((socket) => void socket.on("error", () => {}));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => void silent.close());
    const client = aClient(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const result = post(client, "a");
    await new Promise((resolve) => setImmediate(resolve));
    await client.close();
    expect(await result).toMatchObject({ code: "closed", written: false });
  });
});
