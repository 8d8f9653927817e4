import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createHttpApp } from "@cloud-messaging/connection-server";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGateway, type GatewayEvent, type GatewayOptions, hashKey } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";
import { proxyV1, proxyV2, startTcpProxy } from "../support/tcp-proxy.ts";

const KEY = "AIzaSyGateway000000000000000000000000aa";
const SENDER_ID = "1234567890";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A proxy that begins each connection with a header, and passes everything else on. */
async function aProxy(port: number | undefined, header: Buffer): Promise<number> {
  const proxy = await startTcpProxy(port as number, { header });
  cleanups.push(() => proxy.close());
  return proxy.port;
}

async function setup(options: Partial<GatewayOptions> = {}) {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  const { server, ca } = await createTestCertificates();
  const events: GatewayEvent[] = [];
  const gateway = await createGateway({
    projects: { shop: emulator.fcmOptions() },
    clients: [{ name: "a", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID, addresses: ["10.1.0.0/16"] }],
    http: { port: 0, proxyProtocol: true },
    ccs: { port: 0, tls: server, proxyProtocol: true },
    answerTimeoutMs: 100_000,
    onEvent: (event) => events.push(event),
    ...options,
  });
  cleanups.push(() => gateway.close());
  return { emulator, gateway, events, server, ca };
}

const REQUEST = [
  "POST /fcm/send HTTP/1.1",
  "host: gateway",
  "connection: close",
  `authorization: key=${KEY}`,
  "content-type: application/json",
  "content-length: 10",
  "",
  '{"to":"x"}',
].join("\r\n");

describe("the gateway behind a proxy with the PROXY protocol", () => {
  it.each([
    ["version 1", proxyV1],
    ["version 2", proxyV2],
  ])("checks the addresses of HTTP clients that the proxy names: %s", async (_, header) => {
    const { gateway } = await setup();
    for (const [address, status] of [
      ["10.1.2.3", "200"],
      ["10.2.0.1", "401"],
    ] as const) {
      const socket = connect(gateway.httpPort as number, "127.0.0.1");
      socket.end(Buffer.concat([header(address), Buffer.from(REQUEST)]));
      expect((await text(socket)).slice(9, 12), address).toBe(status);
    }
  });

  it("reads a header that comes in pieces, and serves HTTPS behind it", async () => {
    const { server, ca } = await createTestCertificates();
    const { gateway } = await setup({ http: { port: 0, tls: server, proxyProtocol: true } });
    const socket = connect({ port: gateway.httpPort as number, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    for (const byte of proxyV2("10.1.2.3")) await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
    const tls = connectTls({ socket, ca, host: "127.0.0.1" });
    tls.write(REQUEST);
    expect((await text(tls)).slice(9, 12)).toBe("200");
  });

  it.each([
    ["version 1", proxyV1],
    ["version 2", proxyV2],
  ])("checks the addresses of CCS clients: %s", async (_, header) => {
    const { emulator, gateway, events, ca } = await setup();
    const phone = emulator.createDevice();
    const kindFrom = async (address: string) => {
      const port = await aProxy(gateway.ccsPort, header(address));
      const client = createCcsClient({ host: "127.0.0.1", port, tls: { ca }, senderId: SENDER_ID, apiKey: KEY });
      cleanups.push(() => client.close());
      const { outcome } = await client.send({ target: { token: phone.token }, data: { n: "1" } });
      return outcome.kind;
    };
    expect([await kindFrom("10.1.2.3"), await kindFrom("10.2.0.1")]).toEqual(["accepted", "rejected"]);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "login-refused", protocol: "ccs", reason: "address", address: "10.2.0.1" }),
    );
  });

  it("closes a connection without a header, or with a malformed one, and tells of it", async () => {
    const { gateway, events } = await setup();
    for (const [port, bytes] of [
      [gateway.httpPort, Buffer.from(REQUEST)],
      [gateway.ccsPort, Buffer.from([22, 3, 1, 2, 0])],
      [gateway.httpPort, Buffer.from("PROXY TCP4 10.1.2.3\r\n")],
    ] as const) {
      const socket = connect(port as number, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(bytes);
      socket.resume();
      await once(socket, "close");
    }
    expect(events.map((event) => event.type === "connection-refused" && [event.protocol, event.address])).toEqual([
      ["gcm-http", "127.0.0.1"],
      ["ccs", "127.0.0.1"],
      ["gcm-http", "127.0.0.1"],
    ]);
  });

  it("closes connections that do not come from the proxies of its list, and tells of them", async () => {
    const { server } = await createTestCertificates();
    const { gateway, events } = await setup({
      http: { port: 0, proxyProtocol: ["10.0.0.0/8"] },
      ccs: { port: 0, tls: server, proxyProtocol: ["10.0.0.0/8"] },
    });
    for (const port of [gateway.httpPort, gateway.ccsPort]) {
      const socket = connect(port as number, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(Buffer.concat([proxyV1("10.1.2.3"), Buffer.from(REQUEST)]));
      socket.resume();
      await once(socket, "close");
    }
    const refused = { type: "connection-refused", reason: "The connection is not from a proxy that is listed" };
    expect(events).toEqual([
      { ...refused, protocol: "gcm-http", address: "127.0.0.1" },
      { ...refused, protocol: "ccs", address: "127.0.0.1" },
    ]);
  });

  it("serves the proxies of its list", async () => {
    const { gateway } = await setup({ http: { port: 0, proxyProtocol: ["127.0.0.1"] } });
    const socket = connect(gateway.httpPort as number, "127.0.0.1");
    socket.end(Buffer.concat([proxyV1("10.1.2.3"), Buffer.from(REQUEST)]));
    expect((await text(socket)).slice(9, 12)).toBe("200");
  });

  it("still refuses address lists for CCS behind a proxy without it", async () => {
    const { server } = await createTestCertificates();
    const without = { http: { port: 0 }, ccs: { port: 0, tls: server } };
    await expect(setup({ ...without, trustProxy: true })).rejects.toThrow(/addresses: .* set ccs\.proxyProtocol/);
    await setup({ trustProxy: true });
  });
});

describe("a header of the PROXY protocol", () => {
  it("has a time limit", async () => {
    const refusals: unknown[] = [];
    const app = createHttpApp([], { handshakeTimeoutMs: 50 });
    const onRefused = (refused: unknown): void => void refusals.push(refused);
    const server = await app.listen({ host: "127.0.0.1", port: 0, proxyProtocol: { onRefused } });
    cleanups.push(() => server.close());
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("PROXY TCP4 ");
    socket.resume();
    await once(socket, "close");
    expect(refusals).toEqual([
      { problem: expect.stringMatching(/has not come in time/) as string, remoteAddress: "127.0.0.1" },
    ]);
  });
});
