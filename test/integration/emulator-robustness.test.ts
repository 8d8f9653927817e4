import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CcsPeer } from "./emulator-ccs-peer.ts";

/** The ports of an emulator, by what they are for. */
function portsOf(emulator: Emulator) {
  return {
    http: Number(new URL(emulator.httpUrl).port),
    https: Number(new URL(emulator.httpsUrl ?? "").port),
    ccs: emulator.ccs.port,
  };
}

/** A good client of each server gets through. */
async function expectGoodService(emulator: Emulator): Promise<void> {
  const device = emulator.createDevice();
  const { endpoint, apiKey } = emulator.httpOptions();
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { authorization: `key=${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ to: device.token }),
  });
  expect(await response.json()).toMatchObject({ success: 1 });
  const secure = connectTls({
    host: "127.0.0.1",
    port: portsOf(emulator).https,
    ca: emulator.caCertificate,
    servername: "localhost",
  });
  secure.end("GET /emulator/v1/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of secure.setEncoding("utf8")) text += chunk;
  expect(text).toMatch(/^HTTP\/1\.1 200/);
  const peer = await CcsPeer.login(emulator.ccsOptions());
  peer.gcm({ to: device.token, message_id: "m" });
  expect(await peer.next()).toMatchObject({ message_type: "ack" });
  await peer[Symbol.asyncDispose]();
  expect(device.received).toHaveLength(2);
}

/** Opens a TCP connection and never fails. */
async function open(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
  return socket;
}

/** Resolves when the other side has ended a connection. */
function ended(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

describe("bad input", () => {
  it("on every port, garbage ends that connection and nothing else", async () => {
    await using emulator = await startEmulator({ patienceMs: 500 });
    const garbage = [
      "\u0000\u0001\u0002\u0003",
      "<?xml version='1.0'?><!DOCTYPE a>",
      "\x16\x03\x01\xff\xff",
      "POST",
      "x".repeat(200_000),
    ];
    const sockets = await Promise.all(
      Object.values(portsOf(emulator)).flatMap((port) =>
        garbage.map(async (text) => {
          const socket = await open(port);
          socket.write(text);
          return socket;
        }),
      ),
    );
    await Promise.all(sockets.map(ended));
    await expectGoodService(emulator);
  });

  it("inside the XML stream ends that stream with its reason", async () => {
    await using emulator = await startEmulator();
    const endings: [string, RegExp][] = [
      ["garbage", /<invalid-xml/],
      ["<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", /<restricted-xml|<invalid-xml/],
      ["<?xml version='1.0'?><!-- hello --><a>", /<restricted-xml/],
      ["<a xmlns='b'>", /<invalid-namespace/],
      ["</stream:stream>", /<invalid-xml/],
    ];
    for (const [text, reason] of endings) {
      await using peer = await CcsPeer.connect(emulator.ccsOptions());
      peer.write(text);
      expect(await peer.until("</stream:stream>")).toMatch(reason);
      await peer.ended();
    }
    const afterLogin: [string, RegExp][] = [
      ["<message><gcm xmlns='google:mobile:data'>&nbsp;</gcm></message>", /<invalid-xml/],
      ["<message><gcm xmlns='google:mobile:data'>&#0;</gcm></message>", /<invalid-xml/],
      [`${"<a>".repeat(40)}`, /<policy-violation/],
      [`<message>${"x".repeat(400_000)}`, /<policy-violation/],
      ["<strange/>", /<unsupported-stanza-type/],
      ["<message></iq>", /<invalid-xml/],
    ];
    for (const [text, reason] of afterLogin) {
      await using peer = await CcsPeer.login(emulator.ccsOptions());
      peer.write(text);
      expect(await peer.until("</stream:stream>"), text.slice(0, 60)).toMatch(reason);
      await peer.ended();
    }
    await expectGoodService(emulator);
  });

  it("whatever the bytes after login, the emulator stays up", async () => {
    await using emulator = await startEmulator();
    const piece = fc.oneof(
      fc.constantFrom(
        "<message>",
        "</message>",
        '<gcm xmlns="google:mobile:data">',
        "</gcm>",
        '{"message_id":"m","to":"a"}',
        "&amp;",
        "<iq/>",
        " ",
        "]]>",
        "<![CDATA[",
        '"',
        "\u0000",
        "😀",
      ),
      fc.string({ unit: "binary", maxLength: 20 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
        const peer = await CcsPeer.login(emulator.ccsOptions());
        for (const text of pieces) peer.write(text);
        peer.socket.end();
        await peer.ended();
      }),
      { numRuns: 50 },
    );
    await expectGoodService(emulator);
  });

  it("that never ends is given up: slow headers, a slow body, a handshake and a login that stop half way", async () => {
    await using emulator = await startEmulator({ patienceMs: 1000, ccs: { loginTimeoutMs: 1000 } });
    const ports = portsOf(emulator);
    const headers = await open(ports.http);
    headers.write("POST /fcm/send HTTP/1.1\r\nHost: a\r\n");
    const body = await open(ports.http);
    body.write("POST /fcm/send HTTP/1.1\r\nHost: a\r\nAuthorization: key=k\r\nContent-Length: 100\r\n\r\nabc");
    const secureHeaders = connectTls({
      port: ports.https,
      host: "127.0.0.1",
      ca: emulator.caCertificate,
      servername: "localhost",
    });
    secureHeaders.on("error", () => {});
    secureHeaders.resume();
    secureHeaders.write("POST /fcm/send HTTP/1.1\r\nHost: a\r\n");
    const handshakes = await Promise.all([open(ports.https), open(ports.ccs)]);
    const login = await CcsPeer.connect(emulator.ccsOptions());
    login.open();
    await Promise.all([headers, body, secureHeaders, ...handshakes].map(ended));
    expect(await login.until("</stream:stream>")).toContain("<connection-timeout");
    await login.ended();
    await expectGoodService(emulator);
  });

  it("over HTTP/2 is given up as well: bodies that never end are reset, on every stream, and drip-fed ones too", async () => {
    await using emulator = await startEmulator({ patienceMs: 200 });
    const session = connectHttp2(emulator.httpsUrl ?? "", { ca: emulator.caCertificate });
    const drip = { timer: undefined as NodeJS.Timeout | undefined };
    const codes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => {
        const stream = session.request({
          ":method": "POST",
          ":path": "/fcm/send",
          authorization: "key=k",
          "content-type": "application/json",
        });
        stream.on("error", () => {});
        stream.write("[".repeat(10_000));
        if (i === 0) drip.timer = setInterval(() => stream.writable && stream.write(" "), 50);
        return new Promise((resolve) => stream.once("close", () => resolve(stream.rstCode)));
      }),
    );
    clearInterval(drip.timer);
    expect(new Set(codes)).toEqual(new Set([8]));
    // the session goes on
    const good = session.request({ ":path": "/emulator/v1/stats" });
    const headers = await new Promise<Record<string, unknown>>((resolve) => good.once("response", resolve));
    expect(headers[":status"]).toBe(200);
    good.resume();
    session.destroy();
    await expectGoodService(emulator);
  });

  it.each(["https", "ccs"] as const)(
    "of 1,200 connections to %s that never finish their handshake, the oldest go and no good client is kept out",
    async (server) => {
      await using emulator = await startEmulator();
      const port = portsOf(emulator)[server];
      const sockets: Socket[] = [await open(port)];
      const first = sockets[0] as Socket;
      while (sockets.length < 1200) {
        sockets.push(
          ...(await Promise.all(Array.from({ length: Math.min(100, 1200 - sockets.length) }, () => open(port)))),
        );
      }
      // 1,024 are kept
      await Promise.all(sockets.slice(0, 100).map(ended));
      await expectGoodService(emulator);
      expect(sockets.filter(({ closed }) => closed).length).toBeGreaterThanOrEqual(176);
      expect([first.closed, sockets.at(-1)?.closed]).toEqual([true, false]);
      for (const socket of sockets) socket.destroy();
    },
  );

  it("of a client that sends on and on and never reads is not read any more, and leaves room for others", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    const peer = await CcsPeer.login(emulator.ccsOptions());
    peer.socket.pause();
    const stanza = `<message><gcm xmlns="google:mobile:data">{"to":"${device.token}","message_id":"m"}</gcm></message>`;
    // as long as the emulator reads, next to nothing waits on this side
    const stuck = (): boolean => peer.socket.writableLength > 4_000_000;
    for (let i = 0; i < 4000 && !stuck(); i++) {
      peer.socket.write(stanza.repeat(100));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stuck()).toBe(true);
    await expectGoodService(emulator);
    await peer[Symbol.asyncDispose]();
  });

  it("answers JSON of which no text can be made", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    const odd = { toString: false, valueOf: 1 };
    const { endpoint, apiKey } = emulator.httpOptions();
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { authorization: `key=${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ to: device.token, notification: { sound: odd }, data: { odd } }),
    });
    expect(await response.json()).toMatchObject({ success: 1 });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    peer.gcm({ to: device.token, message_id: "m-1", message_type: odd });
    expect(await peer.next()).toMatchObject({ message_type: "nack", message_id: "m-1", error: "INVALID_JSON" });
    await expectGoodService(emulator);
  });
});
