import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createMemoryOutboxEngine } from "@cloud-messaging/core/transport";
import { createGateway } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";
import { acceptV1, type V1Exchange } from "../support/fcm-v1-server.ts";
import { type GatewayWorld, KEY, startGatewayWorld } from "../support/gateway-world.ts";
import { CcsPeer } from "./emulator-ccs-peer.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function world(...args: Parameters<typeof startGatewayWorld>) {
  const started = await startGatewayWorld(...args);
  cleanups.push(async () => started[Symbol.asyncDispose]());
  return started;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  cleanups.push(async () => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** Writes a start, then a piece every few milliseconds until the far end has ended the connection. Resolves with what it wrote. */
async function drip(port: number, start: string, piece: string): Promise<string> {
  const socket = await dial(port);
  let read = "";
  socket.on("data", (chunk) => {
    read += String(chunk);
  });
  socket.write(start);
  const timer = setInterval(() => socket.write(piece), 20);
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  clearInterval(timer);
  return read;
}

const MESSAGE = { to: "tok-a", message_id: "m-1", data: { n: "1" } };

/** Sends a message over an open CCS connection. */
async function ackOf(peer: CcsPeer): Promise<unknown> {
  peer.gcm(MESSAGE);
  return (await peer.next())["message_type"];
}

describe("a client that never comes to an end", () => {
  const handshakeTimeoutMs = 300;
  const head = `POST /fcm/send HTTP/1.1\r\nHost: gateway\r\nAuthorization: key=${KEY}\r\nContent-Type: application/json\r\n`;

  it("is closed over GCM HTTP when its time is over, and nobody else notices", async () => {
    const { gateway, fcm, post, events } = await world("1.1", { handshakeTimeoutMs });
    const port = gateway.httpPort as number;
    const slow = Promise.all([
      drip(port, "", ""),
      drip(port, head, "X-More: 1\r\n"),
      drip(port, `${head}Content-Length: 100000\r\n\r\n`, " "),
      drip(port, `${head}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n \r\n"),
    ]);
    expect(await (await post(MESSAGE)).json()).toMatchObject({ success: 1 });
    await slow;
    expect(await (await post(MESSAGE)).json()).toMatchObject({ success: 1 });
    expect(fcm.requests).toHaveLength(2);
    expect(events.filter(({ type }) => type === "failure")).toEqual([]);
  });

  it("is closed over CCS in its handshake and in its login when its time is over, and nobody else notices", async () => {
    const { ccs, clock, login } = await world("1.1", { handshakeTimeoutMs });
    await using good = await login();
    const handshakes = [drip(ccs.port, "", ""), drip(ccs.port, "\x16\x03\x01\x02\x00", "\x01")];
    const peer = await CcsPeer.connect(ccs);
    peer.open();
    await peer.until("</stream:features>");
    await clock.advance(handshakeTimeoutMs - 1);
    peer.write("<auth mechanism='PLAIN' ");
    expect(await ackOf(good)).toBe("ack");
    expect(peer.closed).toBe(false);
    await clock.advance(1);
    expect(await peer.until("</stream:stream>")).toContain("<connection-timeout");
    await Promise.all([peer.ended(), ...handshakes]);
    expect(await ackOf(good)).toBe("ack");
  });

  it.each([0, 1.5, 600_001])("cannot be given a time limit of %d ms", async (limit) => {
    await expect(createGateway({ projects: {}, clients: [], handshakeTimeoutMs: limit })).rejects.toThrow(
      /handshakeTimeoutMs: must be/,
    );
  });
});

describe("answerTimeoutMs", () => {
  it("ends what is not done in time, for those recipients only, and nothing is sent later", async () => {
    const { fcm, clock, post } = await world("1.1", { answerTimeoutMs: 5_000 }, { maxRequests: 2 });
    const held: V1Exchange[] = [];
    fcm.script(acceptV1);
    fcm.otherwise = (exchange) => void held.push(exchange);
    const tokens = Array.from({ length: 6 }, (_, i) => `token-${i}`);
    const answered = post({ registration_ids: tokens, data: { n: "1" } });
    // one is answered, two fill the connections, three wait
    await fcm.arrived(3);
    await clock.advance(5_000);
    const { results } = (await (await answered).json()) as { results: { error?: string }[] };
    const words = results.map(({ error = "message_id" }) => error).sort();
    const inDoubt = Array<string>(2).fill("InternalServerError");
    expect(words).toEqual([...inDoubt, ...Array<string>(3).fill("Unavailable"), "message_id"]);

    fcm.otherwise = acceptV1;
    for (const exchange of held) acceptV1(exchange);
    await clock.advance(3_600_000);
    expect(await (await post({ to: "tok-later" })).json()).toMatchObject({ success: 1 });
    const sent = fcm.requests.map(({ body }) => /"token":"([^"]+)"/.exec(body)?.[1]);
    expect(sent).toHaveLength(4);
    expect(sent.at(-1)).toBe("tok-later");
  });
});

describe("repeatWindowMs", () => {
  const repeatWindowMs = 60_000;

  /** IDs of the messages that were acked, in order. */
  const ids = ({ events }: GatewayWorld) =>
    events.flatMap((event) => (event.type === "answered" ? [event.messageId] : []));

  it("is the time for which a repeated message_id is recognised", async () => {
    const { fcm, clock, login } = await world("1.1", { repeatWindowMs });
    await using peer = await login();
    const copies: number[] = [];
    for (const laterMs of [0, 0, repeatWindowMs - 1, 1, 0]) {
      await clock.advance(laterMs);
      expect(await ackOf(peer)).toBe("ack");
      copies.push(fcm.requests.length);
    }
    expect(copies).toEqual([1, 1, 1, 2, 2]);
  });

  it("is the least time with an outbox, and its double the most", async () => {
    const started = await world("1.1", { repeatWindowMs, outbox: { engine: () => createMemoryOutboxEngine() } });
    await using peer = await started.login();
    for (const laterMs of [0, repeatWindowMs, repeatWindowMs - 1, 1]) {
      await started.clock.advance(laterMs);
      expect(await ackOf(peer)).toBe("ack");
    }
    const [first, second, third, fourth] = ids(started);
    expect([second, third]).toEqual([first, first]);
    expect(fourth).not.toBe(first);
  });
});
