import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { acceptV1, type V1Exchange } from "../support/fcm-v1-server.ts";
import { type GatewayWorld, KEY, startGatewayWorld } from "../support/gateway-world.ts";
import type { CcsPeer } from "./emulator-ccs-peer.ts";

const MESSAGE = { to: "tok-a", message_id: "m-1", data: { text: "Grüße 😀" } };
const BODY = JSON.stringify(MESSAGE);
const WINDOW = 100;

/** Fate of a client's message. */
interface Seen {
  /** The answer, as the client has it. */
  readonly words: string;
  /** Copies that the client's own retry makes. */
  readonly byRetry?: number;
}

/** A fault of a client, played over one protocol. */
interface ClientFault {
  readonly title: string;
  /** Copies that FCM gets of the client's messages, without its retry. */
  readonly copies: number;
  readonly run: (world: GatewayWorld) => Promise<Seen>;
}

/** Leaves requests to FCM unanswered until the function is called. */
function hold({ fcm }: GatewayWorld): () => void {
  const held: V1Exchange[] = [];
  fcm.otherwise = (exchange) => void held.push(exchange);
  return () => {
    fcm.otherwise = acceptV1;
    for (const exchange of held) acceptV1(exchange);
  };
}

const NOTHING = "nothing";
const ANOTHER = { to: "tok-of-another", message_id: "m-0", data: {} };

/** Counts the requests to FCM for the client's own messages. */
const copiesIn = ({ fcm }: GatewayWorld): number =>
  fcm.requests.filter(({ body }) => !body.includes(ANOTHER.to)).length;

/** Opens a bare HTTP connection. */
async function dial({ gateway }: GatewayWorld) {
  const socket = connect({ host: "127.0.0.1", port: gateway.httpPort as number, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Reads until the far end has ended the connection. */
async function readAll(socket: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

const request = (body: Buffer | string, { length = Buffer.byteLength(body), close = true } = {}): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST /fcm/send HTTP/1.1\r\nHost: gateway\r\nAuthorization: key=${KEY}\r\nContent-Type: application/json\r\n` +
        `${close ? "Connection: close\r\n" : ""}Content-Length: ${length}\r\n\r\n`,
    ),
    Buffer.from(body),
  ]);

/** Words of an HTTP answer: of its first result, or its status. */
function wordsOf(answer: string): string {
  const result = /"results":\[\{"(?:error":"(\w+)|(message_id))/.exec(answer);
  return `\`${result?.[1] ?? result?.[2] ?? /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? NOTHING}\``;
}

/** The client's own retry: all over again. */
async function again(world: GatewayWorld): Promise<number> {
  const before = copiesIn(world);
  expect(await (await world.post(MESSAGE)).json()).toMatchObject({ success: 1 });
  return copiesIn(world) - before;
}

const HTTP_FAULTS: readonly ClientFault[] = [
  {
    title: "cut within the request",
    copies: 0,
    async run(world) {
      const socket = await dial(world);
      await new Promise((resolve) => socket.write(request(BODY.slice(0, 20), { length: BODY.length }), resolve));
      socket.resetAndDestroy();
      return { words: NOTHING, byRetry: await again(world) };
    },
  },
  {
    title: "cut while FCM has not answered",
    copies: 1,
    async run(world) {
      const release = hold(world);
      const socket = await dial(world);
      socket.write(request(BODY));
      await world.fcm.arrived(1);
      socket.resetAndDestroy();
      release();
      return { words: NOTHING, byRetry: await again(world) };
    },
  },
  {
    title: "cut within the answer",
    copies: 1,
    async run(world) {
      const socket = await dial(world);
      socket.write(request(BODY));
      await once(socket, "readable");
      expect((socket.read(20) as Buffer).toString()).toMatch(/^HTTP\/1\.1 200/);
      socket.resetAndDestroy();
      return { words: NOTHING, byRetry: await again(world) };
    },
  },
  {
    title: "half-open: nothing more to send, the answer still read",
    copies: 1,
    async run(world) {
      const socket = await dial(world);
      socket.end(request(BODY));
      return { words: wordsOf(await readAll(socket)) };
    },
  },
  {
    title: "100 requests in a row, no answer read before the last is sent",
    copies: WINDOW,
    async run(world) {
      const socket = await dial(world);
      const requests = Array.from({ length: WINDOW }, (_, i) => request(BODY, { close: i === WINDOW - 1 }));
      socket.write(Buffer.concat(requests));
      await world.fcm.arrived(WINDOW);
      const answers = (await readAll(socket)).split(/(?=HTTP\/1\.1 )/);
      expect(answers).toHaveLength(WINDOW);
      return { words: [...new Set(answers.map(wordsOf))].join(" ") };
    },
  },
  {
    title: "bytes one by one, cut within characters",
    copies: 1,
    async run(world) {
      const socket = await dial(world);
      socket.setNoDelay(true);
      for (const byte of request(BODY)) await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
      const words = wordsOf(await readAll(socket));
      expect(JSON.parse(world.fcm.requests.at(-1)?.body ?? "{}")).toMatchObject({ message: { data: MESSAGE.data } });
      return { words };
    },
  },
  {
    title: "a body of more than 1 MiB",
    copies: 0,
    async run(world) {
      const socket = await dial(world);
      socket.write(request("", { length: 1_048_577 }));
      return { words: wordsOf(await readAll(socket)) };
    },
  },
  {
    title: "JSON 100,000 levels deep",
    copies: 0,
    async run(world) {
      const socket = await dial(world);
      socket.write(request(`{"to":"tok-a","data":{"a":${"[".repeat(100_000)}`));
      return { words: wordsOf(await readAll(socket)) };
    },
  },
];

const stanza = (text: string): string => `<message><gcm xmlns="google:mobile:data">${text}</gcm></message>`;

/** Words of an ack, a nack or a stanza error. */
const frameWords = ({ error, message_type: type }: Record<string, unknown>): string => `\`${String(error ?? type)}\``;

/** Logs in anew, and sends the same message under the same ID. */
async function repeat(world: GatewayWorld): Promise<Seen> {
  const before = copiesIn(world);
  await using peer = await world.login();
  peer.gcm(MESSAGE);
  const words = frameWords(await peer.next());
  return { words, byRetry: copiesIn(world) - before };
}

/** Writes what ends the stream. */
async function ends(world: GatewayWorld, text: string | Buffer): Promise<Seen> {
  await using peer = await world.login();
  peer.socket.write(text);
  const error = await peer.until("</stream:error>");
  await peer.ended();
  return { words: `stream error \`${/<stream:error><([a-z-]+)/.exec(error)?.[1]}\`` };
}

async function withPeer(world: GatewayWorld, run: (peer: CcsPeer) => Promise<Seen>): Promise<Seen> {
  await using peer = await world.login();
  return await run(peer);
}

const CCS_FAULTS: readonly ClientFault[] = [
  {
    title: "cut within the stanza, then sent again",
    copies: 0,
    async run(world) {
      const peer = await world.login();
      await new Promise((resolve) => peer.socket.write(stanza(BODY).slice(0, 60), resolve));
      peer.socket.destroy();
      return repeat(world);
    },
  },
  {
    title: "cut while FCM has not answered, then sent again under the same `message_id`",
    copies: 1,
    async run(world) {
      const release = hold(world);
      const peer = await world.login();
      peer.gcm(MESSAGE);
      await world.fcm.arrived(1);
      peer.socket.destroy();
      release();
      return repeat(world);
    },
  },
  {
    title: "cut before the ack is read, then sent again under the same `message_id`",
    copies: 1,
    async run(world) {
      const peer = await world.login();
      peer.socket.pause();
      peer.gcm(MESSAGE);
      await world.fcm.arrived(1);
      peer.socket.destroy();
      return repeat(world);
    },
  },
  {
    title: "half-open: ended behind the message, then sent again under the same `message_id`",
    copies: 1,
    async run(world) {
      const release = hold(world);
      const peer = await world.login();
      peer.gcm(MESSAGE);
      await world.fcm.arrived(1);
      peer.socket.end();
      await peer.ended();
      release();
      return repeat(world);
    },
  },
  {
    title: "100 messages, no ack read before the last is sent",
    copies: WINDOW,
    run: (world) =>
      withPeer(world, async (peer) => {
        peer.socket.pause();
        for (let i = 0; i < WINDOW; i++) peer.gcm({ ...MESSAGE, message_id: `m-${i}` });
        await world.fcm.arrived(WINDOW);
        peer.socket.resume();
        const words = new Set<string>();
        for (let i = 0; i < WINDOW; i++) words.add(frameWords(await peer.next()));
        return { words: [...words].join(" ") };
      }),
  },
  {
    title: "bytes one by one, cut within characters",
    copies: 1,
    run: (world) =>
      withPeer(world, async (peer) => {
        for (const byte of Buffer.from(stanza(BODY)))
          await new Promise((resolve) => peer.socket.write(Buffer.of(byte), resolve));
        const words = frameWords(await peer.next());
        expect(JSON.parse(world.fcm.requests.at(-1)?.body ?? "{}")).toMatchObject({ message: { data: MESSAGE.data } });
        return { words };
      }),
  },
  {
    title: "JSON 10,000 levels deep",
    copies: 0,
    run: (world) =>
      withPeer(world, async (peer) => {
        peer.write(stanza("[".repeat(10_000)));
        return { words: `stanza error \`${/<error [^>]*><([a-z-]+)/.exec(await peer.until("</message>"))?.[1]}\`` };
      }),
  },
  {
    title: "elements 10,000 levels deep",
    copies: 0,
    run: (world) => ends(world, `<message>${"<a>".repeat(10_000)}`),
  },
  {
    title: "a stanza without an end",
    copies: 0,
    run: (world) => ends(world, `<message><gcm xmlns="google:mobile:data">${"x".repeat(600_000)}`),
  },
  {
    title: "entities that grow (a document type)",
    copies: 0,
    run: (world) =>
      ends(world, '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><message>&c;</message>'),
  },
  {
    title: "an entity that nobody declared",
    copies: 0,
    run: (world) => ends(world, "<message>&c;</message>"),
  },
];

const docs = await readFile(new URL("../../docs/gateway.md", import.meta.url), "utf8");

describe.each([
  ["GCM HTTP", HTTP_FAULTS],
  ["CCS", CCS_FAULTS],
] as const)("a fault between a client and the gateway, over %s", (protocol, faults) => {
  it.each(faults)("is answered and counted as the table in docs/gateway.md says: $title", async (fault) => {
    await using world = await startGatewayWorld();
    const { words, byRetry = 0 } = await fault.run(world);
    expect(copiesIn(world) - byRetry).toBe(fault.copies);
    // nobody else notices
    expect(await (await world.post(ANOTHER)).json()).toMatchObject({ success: 1 });
    expect(world.events.filter(({ type }) => type === "failure")).toEqual([]);
    const row = `| ${protocol} | ${fault.title} | ${words} | ${fault.copies} | ${byRetry} |`;
    expect(docs.includes(row), `docs/gateway.md is stale: a row has to be\n${row}\n`).toBe(true);
  });
});
