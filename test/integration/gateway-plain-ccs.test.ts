import { once } from "node:events";
import { connect } from "node:net";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startCcsServer } from "@cloud-messaging/connection-server";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGateway, type GatewayEvent, type GatewayOptions, hashKey } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";
import { proxyV2, startTcpProxy } from "../support/tcp-proxy.ts";

const KEY = "AIzaSyGateway000000000000000000000000aa";
const SENDER_ID = "1234567890";
const CLIENT = { name: "a", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function aGateway(options: Partial<GatewayOptions>) {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  const events: GatewayEvent[] = [];
  const gateway = await createGateway({
    projects: { shop: emulator.fcmOptions() },
    clients: [CLIENT],
    http: false,
    ccs: { port: 0 },
    answerTimeoutMs: 100_000,
    onEvent: (event) => events.push(event),
    ...options,
  });
  cleanups.push(() => gateway.close());
  return { emulator, gateway, events };
}

/** Sends over TLS to a proxy that ends it before the gateway. */
async function sendThrough(port: number | undefined, token: string, header?: Buffer) {
  const { server: tls, ca } = await createTestCertificates();
  const proxy = await startTcpProxy(port as number, { tls, ...(header === undefined ? {} : { header }) });
  cleanups.push(() => proxy.close());
  const client = createCcsClient({
    host: "127.0.0.1",
    port: proxy.port,
    tls: { ca },
    senderId: SENDER_ID,
    apiKey: KEY,
  });
  cleanups.push(() => client.close());
  return client.send({ target: { token }, data: { n: "1" } });
}

describe("the gateway's CCS without TLS", () => {
  it("serves a proxy on the same machine that ends TLS, and drains its connections", async () => {
    const { emulator, gateway } = await aGateway({});
    const phone = emulator.createDevice();
    expect((await sendThrough(gateway.ccsPort, phone.token)).outcome.kind).toBe("accepted");
    expect(phone.received).toMatchObject([{ data: { n: "1" } }]);
    expect(gateway.ccsConnections).toBe(1);
    await gateway.reload({ clients: [CLIENT] });
    expect((await sendThrough(gateway.ccsPort, phone.token)).outcome.kind).toBe("accepted");
  });

  it("checks the addresses that a listed proxy names", async () => {
    const { emulator, gateway, events } = await aGateway({
      host: "0.0.0.0",
      clients: [{ ...CLIENT, addresses: ["10.1.0.0/16"] }],
      ccs: { port: 0, proxyProtocol: ["127.0.0.1"] },
    });
    const phone = emulator.createDevice();
    const kindFrom = async (address: string) =>
      (await sendThrough(gateway.ccsPort, phone.token, proxyV2(address))).outcome.kind;
    expect([await kindFrom("10.1.2.3"), await kindFrom("10.2.0.1")]).toEqual(["accepted", "rejected"]);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "login-refused", protocol: "ccs", reason: "address", address: "10.2.0.1" }),
    );
  });

  it.each<[string, Partial<GatewayOptions>, RegExp]>([
    ["on every address", { host: "0.0.0.0" }, /ccs\.tls: must be given, unless host is a loopback address/],
    ["on every IPv6 address", { host: "::" }, /ccs\.tls: must be given/],
    ["on a name that is not localhost", { host: "gateway.example.com" }, /ccs\.tls: must be given/],
    ["with headers from anywhere", { host: "0.0.0.0", ccs: { port: 0, proxyProtocol: true } }, /ccs\.tls: must be/],
    ["for no proxy", { ccs: { port: 0, proxyProtocol: [] } }, /ccs\.proxyProtocol: must name a proxy/],
    [
      "for a proxy without an address",
      { ccs: { port: 0, proxyProtocol: ["haproxy"] } },
      /ccs\.proxyProtocol\.0: must be an IP address or a range/,
    ],
    [
      "with addresses of clients, and no header that names them",
      { clients: [{ ...CLIENT, addresses: ["10.0.0.0/8"] }] },
      /clients\.0\.addresses: cannot be checked for CCS behind a proxy/,
    ],
  ])("is refused %s", async (_, options, problem) => {
    await expect(aGateway(options)).rejects.toThrow(problem);
  });

  it.each(["127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "localhost"])(
    "may listen on %s",
    async (host) => {
      await aGateway({ host });
    },
  );

  it("takes no certificate by a reload", async () => {
    const { gateway } = await aGateway({});
    const { server } = await createTestCertificates();
    await expect(gateway.reload({ ccsTls: server })).rejects.toThrow(/ccsTls: is for CCS over TLS, which is off/);
  });
});

describe("a CCS server without TLS", () => {
  it("ends a connection that does not log in", async () => {
    let tell: (reason: string) => void = () => {};
    const ended = new Promise<string>((resolve) => {
      tell = resolve;
    });
    const server = await startCcsServer({
      host: "127.0.0.1",
      port: 0,
      tls: false,
      loginTimeoutMs: 50,
      service: {
        authenticate: () => ({ kind: "sender" }),
        submit: () => ({ kind: "accepted", messageId: "1" }),
      },
      onEvent: (event) => event.type === "closed" && tell(event.reason),
    });
    cleanups.push(() => server.close());
    const socket = connect(server.port, "127.0.0.1");
    socket.resume();
    await once(socket, "close");
    expect(await ended).toBe("connection-timeout: login took too long");
  });
});
