import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { type CloudMessagingEvents, type RecipientOutcome, subscribe } from "@cloud-messaging/core";
import { createDeviceGroups, createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";

const message = { target: { token: "abc:def" }, data: { n: "1" } };
const certificates = await createTestCertificates();
const foreign = await createTestCertificates(["other.example"]);
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Scheme that the endpoint is given. */
  readonly scheme: "http" | "https";
  readonly ca?: string;
}

/** One send or call with default options, and the way to end it. */
interface Attempt {
  readonly outcome: Promise<RecipientOutcome>;
  close(): Promise<unknown>;
}

const first = async (report: Promise<{ outcomes: readonly unknown[] }>): Promise<RecipientOutcome> =>
  (await report).outcomes[0] as RecipientOutcome;
const tlsOf = ({ ca }: Endpoint): object => (ca === undefined ? {} : { tls: { ca } });
const originOf = ({ scheme, host, port }: Endpoint): string => `${scheme}://${host}:${port}`;
const credential = async (): Promise<string> => "token";

const CLIENTS: Readonly<Record<string, (endpoint: Endpoint) => Attempt>> = {
  "GCM HTTP": (to) => {
    const sender = createGcmSender({ apiKey: "AIza-x", endpoint: `${originOf(to)}/gcm/send`, ...tlsOf(to) });
    return { outcome: first(sender.send(message)), close: () => sender.close() };
  },
  "FCM HTTP v1 over HTTP/1.1": (to) => {
    const sender = createFcmSender({
      projectId: "p",
      endpoint: originOf(to),
      credential,
      httpVersion: "1.1",
      ...tlsOf(to),
    });
    return { outcome: first(sender.send(message)), close: () => sender.close() };
  },
  "FCM HTTP v1 over HTTP/2": (to) => {
    const sender = createFcmSender({
      projectId: "p",
      endpoint: originOf(to),
      credential,
      httpVersion: "2",
      ...tlsOf(to),
    });
    return { outcome: first(sender.send(message)), close: () => sender.close() };
  },
  "the token exchange of a service account": (to) => {
    const sender = createFcmSender({
      projectId: "p",
      endpoint: "http://127.0.0.1:1",
      credential: { client_email: "a@b.example", private_key: privateKey, token_uri: `${originOf(to)}/token` },
      ...tlsOf(to),
    });
    return { outcome: first(sender.send(message)), close: () => sender.close() };
  },
  "device groups": (to) => {
    const groups = createDeviceGroups({ senderId: "1", apiKey: "k", endpoint: originOf(to), ...tlsOf(to) });
    return { outcome: groups.find("name") as Promise<RecipientOutcome>, close: () => groups.close() };
  },
  CCS: ({ host, port, ca }) => {
    const client = createCcsClient({
      host,
      port,
      senderId: "1",
      apiKey: "k",
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    return { outcome: first(client.send(message)), close: () => client.close() };
  },
};
const TLS_CLIENTS = Object.entries(CLIENTS);
const HTTP_CLIENTS = TLS_CLIENTS.filter(([name]) => name !== "CCS");

async function listen(server: Server): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Events and warnings while something runs. */
async function listening<T>(run: (told: Promise<CloudMessagingEvents["cloud-messaging:unreachable"]>) => Promise<T>) {
  const events: CloudMessagingEvents["cloud-messaging:unreachable"][] = [];
  const warnings: string[] = [];
  let tell: (event: CloudMessagingEvents["cloud-messaging:unreachable"]) => void = () => undefined;
  const told = new Promise<CloudMessagingEvents["cloud-messaging:unreachable"]>((resolve) => {
    tell = resolve;
  });
  const stop = subscribe("cloud-messaging:unreachable", (event) => {
    events.push(event);
    tell(event);
  });
  const onWarning = (warning: Error): void => {
    const { code } = warning as NodeJS.ErrnoException;
    if (code === "CLOUD_MESSAGING_UNREACHABLE") warnings.push(warning.message);
  };
  process.on("warning", onWarning);
  try {
    const value = await run(told);
    // a warning comes on the next tick
    await new Promise((resolve) => setImmediate(resolve));
    return { value, events, warnings };
  } finally {
    process.off("warning", onWarning);
    stop();
  }
}

describe("a port that nobody listens on", () => {
  it.each(TLS_CLIENTS)(
    "is told at once, by %s: one event, one warning, and a detail with address and cause",
    async (_, start) => {
      const server = createServer();
      const free = await listen(server);
      await free[Symbol.asyncDispose]();
      const address = `127.0.0.1:${free.port}`;
      const { value, events, warnings } = await listening(async (told) => {
        const attempt = start({ host: "127.0.0.1", port: free.port, scheme: "https" });
        await told;
        await attempt.close();
        return attempt.outcome;
      });
      expect(events).toMatchObject([{ code: "connection-failed", detail: expect.stringMatching(/ECONNREFUSED/) }]);
      expect(events[0]?.address).toContain(address);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(address);
      expect(warnings[0]).toContain("ECONNREFUSED");
      expect(value.kind).toBe("retryable");
    },
  );

  it("is told of in the outcome of a send whose patience ends", async () => {
    const free = await listen(createServer());
    await free[Symbol.asyncDispose]();
    const origin = `http://127.0.0.1:${free.port}`;
    await using sender = createFcmSender({ projectId: "p", endpoint: origin, credential, retry: { maxAttempts: 1 } });
    const [outcome] = (await sender.send(message)).outcomes;
    expect(outcome).toMatchObject({ kind: "retryable", code: "connection-failed" });
    expect(outcome).toMatchObject({
      detail: `no connection to ${origin}: connect ECONNREFUSED 127.0.0.1:${free.port}`,
    });
  });

  it("is warned of once per process, and told to each sender", async () => {
    const free = await listen(createServer());
    await free[Symbol.asyncDispose]();
    const options = { projectId: "p", endpoint: `http://127.0.0.1:${free.port}`, credential, retry: false } as const;
    const { events, warnings } = await listening(async () => {
      for (let n = 0; n < 3; n++) {
        await using sender = createFcmSender(options);
        await sender.send(message);
        await sender.send(message);
      }
    });
    expect(events).toHaveLength(3);
    expect(warnings).toHaveLength(1);
  });
});

describe("an endpoint that waiting cannot heal is rejected at the first attempt, with the cure", () => {
  it.each(TLS_CLIENTS)("a certificate that nobody trusts: %s", async (_, start) => {
    await using server = await listen(createTlsServer(certificates.server));
    await using attempt = closing(start({ host: "127.0.0.1", port: server.port, scheme: "https" }));
    expect(await attempt.outcome).toMatchObject({
      kind: "rejected",
      code: "untrusted-certificate",
      attempts: 1,
      detail: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${server.port}.*tls\\.ca`)),
    });
  });

  it.each(TLS_CLIENTS)("the certificate of another host: %s", async (_, start) => {
    await using server = await listen(createTlsServer(foreign.server));
    await using attempt = closing(start({ host: "127.0.0.1", port: server.port, scheme: "https", ca: foreign.ca }));
    expect(await attempt.outcome).toMatchObject({ kind: "rejected", code: "untrusted-certificate", attempts: 1 });
  });

  it.each(TLS_CLIENTS)("no TLS where TLS is expected: %s", async (_, start) => {
    await using server = await listen(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    await using attempt = closing(start({ host: "127.0.0.1", port: server.port, scheme: "https" }));
    expect(await attempt.outcome).toMatchObject({
      kind: "rejected",
      code: "wrong-protocol",
      attempts: 1,
      detail: expect.stringMatching(/Check scheme, host and port/),
    });
  });

  it.each(HTTP_CLIENTS)("a mail server where HTTP is expected: %s", async (_, start) => {
    await using server = await listen(createServer((socket) => socket.write("220 mail.example ESMTP\r\n")));
    await using attempt = closing(start({ host: "127.0.0.1", port: server.port, scheme: "http" }));
    expect(await attempt.outcome).toMatchObject({ kind: "rejected", code: "wrong-protocol", attempts: 1 });
  });

  it("a web server where XMPP is expected: CCS", async () => {
    const web = createTlsServer(certificates.server, (socket) => {
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
    await using server = await listen(web);
    const start = CLIENTS["CCS"] as (endpoint: Endpoint) => Attempt;
    await using attempt = closing(
      start({ host: "127.0.0.1", port: server.port, scheme: "https", ca: certificates.ca }),
    );
    expect(await attempt.outcome).toMatchObject({ kind: "rejected", code: "wrong-protocol", attempts: 1 });
  });
});

function closing(attempt: Attempt): Attempt & AsyncDisposable {
  return {
    ...attempt,
    async [Symbol.asyncDispose]() {
      await attempt.close();
    },
  };
}
