import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import type { RecipientOutcome } from "@cloud-messaging/core";
import {
  createDeviceGroups,
  createFcmSender,
  createGcmSender,
  createTopics,
  type FcmSenderOptions,
} from "@cloud-messaging/http-sender";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type FaultServer, type Step, startFaultServer } from "../support/fault-server.ts";
import { createTestCertificates, type TestCertificates } from "../support/fault-server-certificates.ts";
import { acceptV1, startV1Server } from "../support/fcm-v1-server.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  server.on("connection", track);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Takes CONNECT, and leads every tunnel to one port, whatever host was asked for. */
async function aProxy(port: number, tls?: TestCertificates["server"]) {
  const heads: string[] = [];
  const onConnection = (socket: Socket): void => {
    socket.on("error", () => {});
    socket.once("data", (chunk) => {
      heads.push(chunk.toString());
      const far = connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Conn");
        socket.write("ection established\r\n\r\n");
        socket.pipe(far).pipe(socket);
      });
      far.on("error", () => socket.destroy());
      socket.on("close", () => far.destroy());
    });
  };
  const server = tls === undefined ? createServer(onConnection) : createTlsServer(tls, onConnection);
  const proxyPort = await listen(server);
  return {
    heads,
    url: (credentials = "") => `${tls === undefined ? "http" : "https"}://${credentials}127.0.0.1:${proxyPort}`,
  };
}

const toOne = { target: { token: "tok-a" }, data: { n: "1" } };

async function sendOnce(sender: {
  send(message: typeof toOne): Promise<{ outcomes: readonly RecipientOutcome[] }>;
  close(): Promise<void>;
}): Promise<RecipientOutcome> {
  const { outcomes } = await sender.send(toOne);
  await sender.close();
  return outcomes[0] as RecipientOutcome;
}

function fcm(options: FcmSenderOptions) {
  return createFcmSender({
    credential: async () => "ya29.t",
    projectId: "demo",
    retry: false,
    quota: false,
    ...options,
  });
}

const UNTRUSTED = { kind: "rejected", code: "untrusted-certificate" };

describe("an answer that comes after interim answers nobody asked for", () => {
  const OK = '{"multicast_id":1,"success":1,"failure":0,"canonical_ids":0,"results":[{"message_id":"0:1"}],"name":"n"}';
  const final = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${OK.length}\r\n\r\n${OK}`;
  const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
  const interims = [
    CONTINUE,
    CONTINUE + CONTINUE + CONTINUE,
    "HTTP/1.1 100\r\n\r\n",
    "HTTP/1.0 100 Continue\r\nx-a: HTTP/1.1 100\r\nx-b: b\r\n\r\n",
    "HTTP/1.1 102 Processing\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
    `${CONTINUE}HTTP/1.1 103 Early Hints\r\n\r\n${CONTINUE}`,
    "HTTP/1.1 199 Whatever\r\n\r\n",
  ];

  /** Writes in pieces, each after the one before has left. */
  const inPieces =
    (text: string, size: number): Step =>
    async (_, socket) => {
      for (let at = 0; at < text.length; at += size) {
        await new Promise<void>((resolve) => socket.write(text.slice(at, at + size), () => setImmediate(resolve)));
      }
    };

  async function expectTakenOnce(server: FaultServer, step: Step): Promise<void> {
    // one that waits between its parts, with others of the same connection behind it
    server.otherwise = step;
    const options = { retry: false as const, maxConnections: 1 };
    const gcm = createGcmSender({ apiKey: "k", endpoint: `${server.origin}/gcm/send`, ...options });
    const v1 = fcm({ endpoint: server.origin, ...options });
    const before = server.requests.length;
    for (const sender of [gcm, v1]) {
      const reports = await Promise.all([sender.send(toOne), sender.send(toOne), sender.send(toOne)]);
      expect(reports.map(({ outcomes }) => outcomes[0]?.kind)).toEqual(["accepted", "accepted", "accepted"]);
      await sender.close();
    }
    expect(server.requests.length - before).toBe(6);
    expect(server.connections).toBe(server.requests.length / 3);
  }

  it.each(interims)("is read, and the message taken once: %j", async (interim) => {
    await using server = await startFaultServer();
    await expectTakenOnce(server, inPieces(interim + final, 1_000));
    await expectTakenOnce(server, inPieces(interim + final, 7));
    await expectTakenOnce(server, async (request, socket) => {
      socket.write(interim);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await inPieces(final, 1_000)(request, socket);
    });
  });

  it("is read however the interim answer is cut", async () => {
    await using server = await startFaultServer();
    const text = CONTINUE + CONTINUE;
    for (let cut = 1; cut < text.length; cut += 3) {
      server.script(async (request, socket) => {
        await inPieces(text.slice(0, cut), 1_000)(request, socket);
        await inPieces(text.slice(cut) + final, 1_000)(request, socket);
      });
      expect(await sendOnce(fcm({ endpoint: server.origin }))).toMatchObject({ kind: "accepted" });
    }
  });

  it("is in doubt where only interim answers came before the connection ended", async () => {
    await using server = await startFaultServer();
    server.otherwise = (_, socket) => void socket.end(`${CONTINUE}HTTP/1.1 100 Con`);
    expect(await sendOnce(fcm({ endpoint: server.origin }))).toMatchObject({
      kind: "ambiguous",
      code: "connection-lost",
    });
    server.otherwise = (_, socket) => void socket.end(`HTTP/1.1 100 ${"x".repeat(100_000)}`);
    expect((await sendOnce(fcm({ endpoint: server.origin }))).kind).toBe("ambiguous");
  });

  it("is read over HTTP/2", async () => {
    const server = createHttp2Server();
    server.on("stream", (stream) => {
      stream.additionalHeaders({ ":status": 100 });
      stream.additionalHeaders({ ":status": 103, link: "</x>" });
      stream.respond({ ":status": 200 });
      stream.end('{"name":"n"}');
    });
    const port = await listen(server as unknown as Server);
    const sender = fcm({ endpoint: `http://127.0.0.1:${port}`, httpVersion: "2" });
    expect(await sendOnce(sender)).toMatchObject({ kind: "accepted", messageId: "n" });
  });
});

describe("TLS with NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment", () => {
  /** Listens with a certificate that nobody here trusts, and notes what is said to it. */
  async function anImpostor() {
    const { server: pair } = await createTestCertificates();
    const heard: string[] = [];
    const server = createTlsServer({ ...pair, ALPNProtocols: ["h2", "http/1.1"] }, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => heard.push(chunk.toString("latin1")));
    });
    const port = await listen(server);
    return { heard, port, origin: `https://localhost:${port}` };
  }

  const oneAttempt = { retry: false as const, requestTimeoutMs: 5_000 };
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });

  it.each<[string, (origin: string) => Promise<unknown>]>([
    [
      "GCM HTTP",
      (origin) => sendOnce(createGcmSender({ apiKey: "AIza", endpoint: `${origin}/fcm/send`, ...oneAttempt })),
    ],
    ["FCM v1 over HTTP/1.1", (origin) => sendOnce(fcm({ endpoint: origin, httpVersion: "1.1", ...oneAttempt }))],
    ["FCM v1 over HTTP/2", (origin) => sendOnce(fcm({ endpoint: origin, httpVersion: "2", ...oneAttempt }))],
    [
      "the token endpoint of a service account",
      (origin) => {
        const credential = {
          client_email: "a@b",
          private_key: privateKey,
          project_id: "p",
          token_uri: `${origin}/token`,
        };
        return sendOnce(fcm({ credential, endpoint: "http://127.0.0.1:1", ...oneAttempt }));
      },
    ],
    [
      "the token service of workload identity",
      async (origin) => {
        const folder = await mkdtemp(join(tmpdir(), "federation-"));
        cleanups.push(() => rm(folder, { recursive: true }));
        await writeFile(join(folder, "subject"), "the-subject-token");
        const config = {
          type: "external_account",
          audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
          subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
          token_url: `${origin}/v1/token`,
          credential_source: { file: join(folder, "subject") },
        };
        await writeFile(join(folder, "config.json"), JSON.stringify(config));
        vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", join(folder, "config.json"));
        vi.stubEnv("GOOGLE_CLOUD_PROJECT", "p");
        const endpoint = "http://127.0.0.1:1";
        return sendOnce(fcm({ credential: "application-default", endpoint, ...oneAttempt }));
      },
    ],
    [
      "topics of Instance ID",
      async (origin) => {
        await using topics = createTopics({ backend: "instance-id", apiKey: "AIza", endpoint: origin, ...oneAttempt });
        return (await topics.subscribe("news", ["tok"])).outcomes[0];
      },
    ],
    [
      "topic subscriptions",
      async (origin) => {
        const more = { credential: async () => "ya29.t", projectId: "p", endpoint: origin };
        await using topics = createTopics({ backend: "topic-subscriptions", ...more, ...oneAttempt });
        return (await topics.subscribe("news", ["tok"])).outcomes[0];
      },
    ],
    [
      "device groups",
      async (origin) => {
        await using groups = createDeviceGroups({ senderId: "1", apiKey: "AIza", endpoint: origin, ...oneAttempt });
        return await groups.find("name");
      },
    ],
  ])("is verified all the same, and an impostor hears nothing: %s", async (_name, use) => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const impostor = await anImpostor();
    const outcome = await use(impostor.origin);
    expect(outcome).toMatchObject(UNTRUSTED);
    expect(impostor.heard).toEqual([]);
  });

  it.each(["1.1", "2"] as const)("is verified through a proxy, and to the proxy, over HTTP/%s", async (httpVersion) => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const impostor = await anImpostor();
    const options = { endpoint: "https://fcm.test", httpVersion, ...oneAttempt };
    const plain = await aProxy(impostor.port);
    expect(await sendOnce(fcm({ ...options, proxy: plain.url() }))).toMatchObject(UNTRUSTED);
    expect(plain.heads).toHaveLength(1);
    expect(impostor.heard).toEqual([]);
    // a proxy that is an impostor is not even told where to connect to, or the password
    const proxy = await anImpostor();
    expect(await sendOnce(fcm({ ...options, proxy: `https://me:pw@127.0.0.1:${proxy.port}` }))).toMatchObject(
      UNTRUSTED,
    );
    expect(proxy.heard).toEqual([]);
  });

  it("is verified for management over google-auth-library's credentials", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const impostor = await anImpostor();
    const credential = {
      client_email: "a@b",
      private_key: privateKey,
      project_id: "p",
      token_uri: `${impostor.origin}/t`,
    };
    await using topics = createTopics({ backend: "topic-subscriptions", credential, ...oneAttempt });
    expect((await topics.subscribe("news", ["tok"])).outcomes).toMatchObject([UNTRUSTED]);
    expect(impostor.heard).toEqual([]);
  });
});

describe.each(["1.1", "2"] as const)("a proxy, over HTTP/%s", (httpVersion) => {
  it.each(["http", "https"])(
    "over %s: is asked by CONNECT for the host, and TLS goes through to it",
    async (scheme) => {
      const server = await startV1Server();
      cleanups.push(() => server.close());
      server.otherwise = acceptV1;
      const port = Number(new URL(server.origin).port);
      const proxy = await aProxy(port, scheme === "https" ? server.pair : undefined);
      const sender = fcm({
        endpoint: server.origin,
        tls: { ca: server.ca },
        httpVersion,
        proxy: proxy.url("me:p%3Aw@"),
      });
      expect(await sendOnce(sender)).toMatchObject({ kind: "accepted" });
      expect(server.requests[0]?.httpVersion).toBe(httpVersion === "2" ? "2.0" : "1.1");
      expect(proxy.heads).toHaveLength(1);
      expect(proxy.heads[0]).toMatch(new RegExp(`^CONNECT 127\\.0\\.0\\.1:${port} HTTP/1\\.1\r\n`));
      expect(proxy.heads[0]).toContain(`Basic ${btoa("me:p:w")}`);
      expect(proxy.heads[0]).not.toContain("ya29");
    },
  );

  it("that refuses is told with its words and without the password that it repeats", async () => {
    const secret = btoa("me:hunter 22");
    const proxy = createServer((socket) => {
      socket.on("error", () => {}).once("data", () => socket.end(`HTTP/1.1 407 hunter 22, ${secret}\r\n\r\n`));
    });
    const port = await listen(proxy);
    const outcome = await sendOnce(
      fcm({ endpoint: "https://fcm.test", httpVersion, proxy: `http://me:hunter%2022@127.0.0.1:${port}` }),
    );
    expect(outcome).toMatchObject({
      kind: "retryable",
      code: "connection-failed",
      detail: "no connection to https://fcm.test: the proxy refused the connection: HTTP 407 …, …",
    });
  });

  it("of the environment is used as over the other HTTP version, or refused by name", async () => {
    const proxy = await aProxy(1);
    const endpoint = "https://fcm.test";
    vi.stubEnv("NO_PROXY", undefined);
    vi.stubEnv("https_proxy", undefined);
    vi.stubEnv("HTTP_PROXY", undefined);
    vi.stubEnv("HTTPS_PROXY", proxy.url());
    expect(await sendOnce(fcm({ endpoint, httpVersion }))).toMatchObject({
      kind: "retryable",
      code: "connection-failed",
      detail: expect.stringMatching(/^no connection to https:\/\/fcm\.test: the proxy made no connection: /),
    });
    expect(proxy.heads).toEqual([expect.stringMatching(/^CONNECT fcm\.test:443 /)]);
    for (const value of ["proxy.corp:3128", "socks5://127.0.0.1:1080", "http://us%er:pw@127.0.0.1:1"]) {
      vi.stubEnv("HTTPS_PROXY", value);
      expect(() => fcm({ endpoint, httpVersion })).toThrow(/proxy: \(from HTTPS_PROXY\)/);
    }
    vi.stubEnv("HTTPS_PROXY", proxy.url());
    vi.stubEnv("NO_PROXY", "other,.test:443");
    expect(await sendOnce(fcm({ endpoint, httpVersion }))).toMatchObject({
      detail: expect.stringMatching(/fcm\.test/),
    });
  });
});
