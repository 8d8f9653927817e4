import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

/** Options of a CCS client, as the emulator gives them. */
export interface PeerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly ca: string };
  readonly senderId: string;
  readonly apiKey: string;
}

/** A bare XMPP client: strings over TLS and nothing clever, so that what it sees is what was written. */
export class CcsPeer {
  readonly socket: TLSSocket;
  /** All that was ever read. */
  text = "";
  closed = false;
  #position = 0;
  #waiting = new Set<() => void>();

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    const wake = (): void => {
      for (const check of [...this.#waiting]) check();
    };
    socket.on("data", (chunk: string) => {
      this.text += chunk;
      wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      wake();
    });
  }

  static async connect({ host, port, tls }: Pick<PeerOptions, "host" | "port" | "tls">): Promise<CcsPeer> {
    const socket = connect({ host, port, ca: tls.ca, servername: "fcm-xmpp.googleapis.com" });
    const peer = new CcsPeer(socket);
    await Promise.race([
      once(socket, "secureConnect"),
      once(socket, "close").then(() => Promise.reject(new Error("closed before TLS was there"))),
    ]);
    return peer;
  }

  /** Connects, logs in and binds. */
  static async login(options: PeerOptions): Promise<CcsPeer> {
    const peer = await CcsPeer.connect(options);
    peer.open();
    await peer.until("</stream:features>");
    peer.auth(`${options.senderId}@gcm.googleapis.com`, options.apiKey);
    await peer.until("<success");
    peer.open();
    await peer.until("</stream:features>");
    peer.write(
      '<iq type="set" id="b1"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>app1</resource></bind></iq>',
    );
    await peer.until("</iq>");
    return peer;
  }

  write(text: string): void {
    this.socket.write(text);
  }

  open(): void {
    this.write(
      '<stream:stream to="gcm.googleapis.com" version="1.0" xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">',
    );
  }

  auth(name: string, password: string): void {
    this.authBy("PLAIN", name, password);
  }

  authBy(mechanism: string, name: string, secret: string): void {
    const text = Buffer.from(`\0${name}\0${secret}`).toString("base64");
    this.write(`<auth mechanism="${mechanism}" xmlns="urn:ietf:params:xml:ns:xmpp-sasl">${text}</auth>`);
  }

  /** Sends a message. */
  gcm(value: unknown, id = ""): void {
    const json = typeof value === "string" ? value : JSON.stringify(value);
    const text = json.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    this.write(`<message id="${id}"><gcm xmlns="google:mobile:data">${text}</gcm></message>`);
  }

  /** Resolves with everything from where the last wait ended up to and with the text. Rejects when the connection ends first. */
  until(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const end = this.text.indexOf(text, this.#position);
        if (end === -1 && !this.closed) return;
        this.#waiting.delete(check);
        if (end === -1) {
          reject(new Error(`closed; wanted ${text}, read: ${this.text.slice(this.#position)}`));
          return;
        }
        const found = this.text.slice(this.#position, end + text.length);
        this.#position = end + text.length;
        resolve(found);
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** The JSON of the next message. */
  async next(): Promise<Record<string, unknown>> {
    const stanza = await this.until("</message>");
    return JSON.parse(jsonOf(stanza)) as Record<string, unknown>;
  }

  /** Resolves when the connection has ended. */
  ended(): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.closed) resolve();
      };
      this.#waiting.add(check);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.ended();
  }
}

function jsonOf(stanza: string): string {
  const text = /<(?:data:)?gcm [^>]*>([\s\S]*?)<\/(?:data:)?gcm>/.exec(stanza)?.[1] ?? "";
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
