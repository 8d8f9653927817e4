import { createServer, type Server, type TLSSocket } from "node:tls";
import { createTestCertificates } from "./fault-server-certificates.ts";

/** A downstream message as it arrived. */
export interface SeenMessage {
  readonly id: string;
  readonly to: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** An acknowledgement as it arrived. */
export interface SeenAck {
  readonly id: string;
  readonly to: string;
}

/** Course of a new connection at the server. Default: `login`. */
export type Script = (connection: ScriptedConnection) => Promise<void> | void;

const HEADER =
  '<stream:stream from="gcm.googleapis.com" id="1" version="1.0" xmlns:stream="http://etherx.jabber.org/streams" xmlns="jabber:client">';

/** The steps of a login as the server says them; a test may say something else at any of them. */
export const LOGIN = {
  header: HEADER,
  mechanisms:
    '<stream:features><mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>X-OAUTH2</mechanism><mechanism>X-GOOGLE-TOKEN</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>',
  success: '<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>',
  failure: '<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure></stream:stream>',
  features:
    '<stream:features><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/><session xmlns="urn:ietf:params:xml:ns:xmpp-session"/></stream:features>',
  bound: (id: string) =>
    `<iq to="1234567890@gcm.googleapis.com/x1D4" from="gcm.googleapis.com" id="${id}" type="result"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>1234567890@gcm.googleapis.com/x1D4</jid></bind></iq>`,
  session: (id: string) => `<iq id="${id}" type="result"/>`,
} as const;

/** One accepted socket. Understands what a client writes, and says whatever a test wants. */
export class ScriptedConnection {
  readonly socket: TLSSocket;
  /** Number of the connection, from 1. */
  readonly number: number;
  /** Downstream messages, in the order they came. */
  readonly messages: SeenMessage[] = [];
  readonly acks: SeenAck[] = [];
  /** Pings by their ID. */
  readonly pings: string[] = [];
  /** Every other iq, as it came. */
  readonly iqs: string[] = [];
  /** White space between stanzas, in characters. */
  spaces = 0;
  /** The client closed the stream. */
  streamClosed = false;
  /** Credentials of SASL PLAIN, decoded. */
  credentials: string | undefined;
  /** Answers pings by itself. */
  answersPings = true;
  /** Called with each downstream message. */
  onMessage: (message: SeenMessage) => void = () => undefined;
  closed = false;
  #input = "";
  #reading = false;
  readonly #waiters = new Set<() => void>();

  constructor(socket: TLSSocket, number: number) {
    this.socket = socket;
    this.number = number;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      this.#input += text;
      if (this.#reading) this.#read();
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** Resolves once the condition holds; looks at it whenever something has arrived. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiters.delete(look);
        resolve();
      };
      this.#waiters.add(look);
      look();
    });
  }

  /** Waits for something in what has arrived during the login, and takes everything up to its end. */
  async expect(pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    await this.until(() => {
      found = pattern.exec(this.#input);
      return found !== null || this.closed;
    });
    if (found === null) throw new Error(`the connection was closed while ${pattern} was waited for`);
    const match = found as RegExpExecArray;
    this.#input = this.#input.slice(match.index + match[0].length);
    return match;
  }

  /** From here on, what arrives is read as stanzas. */
  startReading(): void {
    this.#reading = true;
    this.#read();
  }

  write(text: string | Buffer): void {
    if (!this.closed) this.socket.write(text);
  }

  /** Writes in pieces of so many bytes, each in a TLS record of its own. */
  async writeInPieces(text: string, bytes: number): Promise<void> {
    const data = Buffer.from(text, "utf8");
    for (let at = 0; at < data.length; at += bytes) {
      await new Promise<void>((resolve) => this.socket.write(data.subarray(at, at + bytes), () => resolve()));
    }
  }

  gcm(json: object): void {
    this.write(gcmStanza(json));
  }

  ack(id: string, extra: object = {}): void {
    const to = this.messages.find((message) => message.id === id)?.to;
    this.gcm({ message_type: "ack", from: to, message_id: id, ...extra });
  }

  nack(id: string, error: string, description?: string): void {
    this.gcm({ message_type: "nack", message_id: id, from: "tok", error, error_description: description });
  }

  drain(): void {
    this.gcm({ message_type: "control", control_type: "CONNECTION_DRAINING" });
  }

  /** Answers with an ack whatever comes from now on, and what has come. */
  ackAll(): void {
    for (const { id } of this.messages) this.ack(id);
    this.onMessage = ({ id }) => this.ack(id);
  }

  #read(): void {
    for (;;) {
      const blank = /^\s+/.exec(this.#input);
      if (blank !== null) {
        this.spaces += blank[0].length;
        this.#input = this.#input.slice(blank[0].length);
      }
      if (this.#input.startsWith("</stream:stream>")) this.streamClosed = true;
      const stanza = /^<(message|iq)\b([^>]*?)(\/>|>[\s\S]*?<\/\1>)/.exec(this.#input);
      if (stanza === null) return;
      this.#input = this.#input.slice(stanza[0].length);
      this.#stanza(stanza[1] as string, stanza[0]);
    }
  }

  #stanza(kind: string, text: string): void {
    if (kind === "iq") {
      const id = /id="([^"]*)"/.exec(text)?.[1] ?? "";
      if (!text.includes("urn:xmpp:ping")) {
        this.iqs.push(text);
        return;
      }
      this.pings.push(id);
      if (this.answersPings) this.write(`<iq id="${id}" type="result"/>`);
      return;
    }
    const raw = /<gcm xmlns="google:mobile:data">([\s\S]*)<\/gcm>/.exec(text)?.[1];
    if (raw === undefined) throw new Error(`not a stanza a client writes: ${text}`);
    const json = JSON.parse(unescapeXml(raw)) as Record<string, unknown>;
    const id = String(json["message_id"]);
    const to = String(json["to"] ?? json["condition"]);
    if (json["message_type"] === "ack") this.acks.push({ id, to });
    else {
      const message = { id, to, json };
      this.messages.push(message);
      this.onMessage(message);
    }
  }

  #wake(): void {
    for (const look of [...this.#waiters]) look();
  }
}

/** A stanza as live CCS wrote acks, nacks and control messages. */
export function gcmStanza(json: object): string {
  return `<message><data:gcm xmlns:data="google:mobile:data">${escapeXml(JSON.stringify(json))}</data:gcm></message>`;
}

/** A stanza as live CCS wrote upstream messages and receipts. */
export function upstreamStanza(json: object): string {
  return `<message to="1234567890@gcm.googleapis.com" from="devices@gcm.googleapis.com" type="normal"><gcm xmlns="google:mobile:data">${escapeXml(JSON.stringify(json))}</gcm></message>`;
}

/** The login of a server that offers no session, which RFC 6121 has dropped: a client that knows of none gets online too. */
export async function loginWithoutSession(connection: ScriptedConnection): Promise<void> {
  const id = await bind(connection, LOGIN.features.replace(/<session.*\/>/, ""));
  connection.startReading();
  connection.write(LOGIN.bound(id));
}

/** Everything a polite server says until the client is online. */
export async function login(connection: ScriptedConnection): Promise<void> {
  connection.write(LOGIN.bound(await bind(connection, LOGIN.features)));
  const session = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
  connection.startReading();
  connection.write(LOGIN.session(session[1] ?? ""));
}

/** The login up to the request to bind; resolves with its ID. */
async function bind(connection: ScriptedConnection, features: string): Promise<string> {
  await connection.expect(/<stream:stream[^>]*>/);
  connection.write(LOGIN.header + LOGIN.mechanisms);
  const auth = await connection.expect(/<auth[^>]*>([^<]*)<\/auth>/);
  connection.credentials = Buffer.from(auth[1] ?? "", "base64").toString("utf8");
  connection.write(LOGIN.success);
  await connection.expect(/<stream:stream[^>]*>/);
  connection.write(LOGIN.header + features);
  const request = await connection.expect(/<iq[^>]*id="([^"]*)"[^>]*>[\s\S]*?<\/iq>/);
  return request[1] ?? "";
}

/** A TLS server that does what it is told. */
export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  readonly ca: string;
  /** Connections accepted so far. */
  readonly connections: readonly ScriptedConnection[];
  /** Script for the next connections, until changed. */
  script: Script;
  /** The next connection that has gone through the script. */
  next(): Promise<ScriptedConnection>;
  /** Options of a client for this server. */
  options(): { host: string; port: number; tls: { ca: string }; senderId: string; apiKey: string };
  close(): Promise<void>;
}

let certificates: ReturnType<typeof createTestCertificates> | undefined;

/** Starts on a free loopback port. */
export async function startScriptedServer(script: Script = login): Promise<ScriptedServer> {
  certificates ??= createTestCertificates(["127.0.0.1", "localhost", "gcm.googleapis.com", "fcm-xmpp.googleapis.com"]);
  const { ca, server: identity } = await certificates;
  const connections: ScriptedConnection[] = [];
  const arrived: ScriptedConnection[] = [];
  const waiters: ((connection: ScriptedConnection) => void)[] = [];
  const sockets = new Set<TLSSocket>();
  const server: Server = createServer({ cert: identity.cert, key: identity.key }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const connection = new ScriptedConnection(socket, connections.length + 1);
    connections.push(connection);
    Promise.resolve(result.script(connection)).then(
      () => {
        const waiter = waiters.shift();
        if (waiter === undefined) arrived.push(connection);
        else waiter(connection);
      },
      // the client went away in the middle of the script: what it was about to see is the test's matter
      () => undefined,
    );
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const result: ScriptedServer = {
    port,
    ca,
    connections,
    script,
    next() {
      const connection = arrived.shift();
      return connection === undefined ? new Promise((resolve) => waiters.push(resolve)) : Promise.resolve(connection);
    },
    options: () => ({ host: "127.0.0.1", port, tls: { ca }, senderId: "1234567890", apiKey: "AIza-EXAMPLE" }),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
    [Symbol.asyncDispose]: () => result.close(),
  };
  return result;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function unescapeXml(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}
