import type { Socket } from "node:net";
import type { CancelTimer } from "@cloud-messaging/core/transport";
import type { Sender } from "../service.ts";
import type { CcsContext } from "./context.ts";
import { type CcsLogin, readLogin } from "./login.ts";
import type { CcsPhase, CutOptions, DrainOptions } from "./options.ts";
import {
  iqResourceConstraint,
  iqResult,
  iqUnavailable,
  LOGIN_FEATURES,
  NS,
  SASL_SUCCESS,
  SESSION_FEATURES,
  saslFailure,
  streamError,
  streamHeader,
} from "./stanzas.ts";
import { type CcsLink, CcsTraffic, MAX_UNREAD_BYTES } from "./traffic.ts";
import { childOf, createXmlStream, textOf, type XmlElement, type XmlStream } from "./xml-stream.ts";

/** Its reactions are microtasks that fake timers cannot hold back. */
const SETTLED = Promise.resolve();

/** Maximum size of a stanza: the payload of a message has 4 KiB, to which escaping and options are added. Implementation limit. Unit: bytes. */
const MAX_STANZA_BYTES = 262_144;
/** Time limit for a client to close its side. Implementation limit. Unit: milliseconds. */
const CLOSE_TIMEOUT_MS = 1000;

/** Owner of the connections. */
export interface ConnectionOwner {
  /** The connection has logged in and bound. */
  online(connection: ServerConnection): void;
  closed(connection: ServerConnection): void;
}

/** One XMPP connection of an app server, from the first byte to the last: the stream, the login, the end. */
export class ServerConnection implements CcsLink {
  readonly id: number;
  readonly #traffic: CcsTraffic;
  readonly #context: CcsContext;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  /** Address of the client; `undefined`: not known. */
  readonly #remoteAddress: string | undefined;
  readonly #timers = new Set<CancelTimer>();
  readonly #cancelLoginTimeout: CancelTimer;
  #cancelAuthentication: CancelTimer = () => {};
  #phase: Exclude<CcsPhase, "draining"> = "login";
  #senderId = "";
  #client: string | undefined;
  #jid = "";
  #stream: XmlStream;
  #opened = false;
  #ending = false;
  #out = "";
  #reason: string | undefined;
  /** Number of reasons to read no further. */
  #holds = 0;
  /** Rest of the piece that was being read when reading was stopped. */
  #unprocessed: (() => void)[] = [];

  constructor(
    id: number,
    socket: Socket,
    remoteAddress: string | undefined,
    context: CcsContext,
    owner: ConnectionOwner,
  ) {
    this.id = id;
    this.#remoteAddress = remoteAddress;
    this.#socket = socket;
    this.#context = context;
    this.#owner = owner;
    this.#traffic = new CcsTraffic(this, context);
    this.#stream = this.#newStream();
    this.#cancelLoginTimeout = this.later(context.loginTimeoutMs, () =>
      this.fail("connection-timeout", "login took too long"),
    );
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => socket.end());
    socket.on("drain", () => this.#continue());
    socket.on("close", () => this.#closed());
    context.emit({ type: "opened", connection: this });
  }

  get phase(): CcsPhase {
    return this.#phase === "online" && this.#traffic.draining ? "draining" : this.#phase;
  }

  get senderId(): string {
    return this.#senderId;
  }

  get client(): string | undefined {
    return this.#client;
  }

  get jid(): string {
    return this.#jid;
  }

  get pending(): number {
    return this.#traffic.pending;
  }

  get unackedUpstream(): number {
    return this.#traffic.unacked;
  }

  get unreadBytes(): number {
    return this.#socket.writableLength + this.#out.length;
  }

  get ending(): boolean {
    return this.#ending || this.#phase === "closed";
  }

  keepAlive(): void {
    if (this.#phase === "online" && this.unreadBytes === 0) this.send(" ");
  }

  send(text: string): void {
    if (this.#phase === "closed" || this.#socket.destroyed) return;
    // what is written in one go leaves in one packet
    if (this.#out === "") void SETTLED.then(() => this.#flush());
    this.#out += text;
  }

  drain(options?: DrainOptions): void {
    if (this.#phase === "online") this.#traffic.drain(options);
  }

  end(reason: string): void {
    if (this.ending) return;
    this.#reason ??= reason;
    this.#traffic.flush();
    this.#stop();
    this.send("</stream:stream>");
    this.#flush();
    this.#socket.end();
    this.#socket.resume();
    this.later(CLOSE_TIMEOUT_MS, () => this.#socket.destroy());
  }

  cut({ reason = "cut", flush = false }: CutOptions = {}): void {
    if (this.#ending && flush) return;
    this.#reason ??= reason;
    if (flush) this.#traffic.flush();
    this.#stop();
    const text = this.#out;
    this.#out = "";
    if (!flush) {
      this.#socket.destroy();
      return;
    }
    this.#socket.write(text, () => this.#socket.destroy());
    this.later(CLOSE_TIMEOUT_MS, () => this.#socket.destroy());
  }

  hold(): void {
    this.#holds++;
    this.#socket.pause();
  }

  resume(): void {
    this.#holds--;
    this.#traffic.readPiece(() => {
      while (this.#holds === 0 && !this.ending) {
        const next = this.#unprocessed.shift();
        if (next === undefined) break;
        next();
      }
    });
    this.#continue();
  }

  later(delayMs: number, run: () => void): CancelTimer {
    const cancel = this.#context.clock.schedule(delayMs, () => {
      this.#timers.delete(stop);
      run();
    });
    const stop = (): void => {
      this.#timers.delete(stop);
      cancel();
    };
    this.#timers.add(stop);
    return stop;
  }

  #newStream(): XmlStream {
    return createXmlStream(
      {
        onOpen: (root) => this.#onOpen(root),
        onStanza: (stanza) => this.#inOrder(() => this.#onStanza(stanza)),
        onClose: () => this.#inOrder(() => this.end("the client closed the stream")),
        onProblem: (problem, detail) => this.#inOrder(() => this.fail(problem, detail)),
      },
      MAX_STANZA_BYTES,
    );
  }

  #read(chunk: Buffer): void {
    this.#traffic.readPiece(() => this.#stream.write(chunk));
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#socket.pause();
  }

  #continue(): void {
    if (this.#holds === 0 && this.#socket.writableLength <= MAX_UNREAD_BYTES) this.#socket.resume();
  }

  /** Nothing more is read or answered. */
  #stop(): void {
    this.#ending = true;
    this.#stream.stop();
    this.#unprocessed = [];
    this.#cancelAuthentication();
    this.#traffic.abandon();
  }

  #flush(): void {
    const text = this.#out;
    this.#out = "";
    if (text !== "" && !this.#socket.destroyed) this.#socket.write(text);
  }

  fail(condition: string, detail: string): void {
    this.#reason ??= `${condition}: ${detail}`;
    if (!this.#opened) this.send(this.#header());
    this.send(streamError(condition));
    this.end(condition);
  }

  #header(): string {
    return streamHeader("gcm.googleapis.com", this.#context.hexId(16).toUpperCase());
  }

  #onOpen(root: Pick<XmlElement, "name" | "namespace">): void {
    this.#opened = true;
    this.send(this.#header());
    if (root.name !== "stream" || root.namespace !== NS.stream) this.fail("invalid-namespace", root.namespace);
    else this.send(this.#phase === "login" ? LOGIN_FEATURES : SESSION_FEATURES);
  }

  #inOrder(run: () => void): void {
    if (this.#holds > 0) this.#unprocessed.push(run);
    else run();
  }

  #onStanza(stanza: XmlElement): void {
    if (this.#phase === "login") this.#login(stanza);
    else if (stanza.name === "message" && this.#phase === "online") this.#traffic.read(stanza);
    else if (stanza.name === "message") this.fail("not-authorized", "no resource bound");
    else if (stanza.name === "iq") this.#onIq(stanza);
    else if (stanza.name !== "presence") this.fail("unsupported-stanza-type", stanza.name);
  }

  #login(stanza: XmlElement): void {
    if (stanza.name !== "auth" || stanza.namespace !== NS.sasl) {
      this.fail("not-authorized", stanza.name);
      return;
    }
    const login = readLogin(stanza.attributes["mechanism"], textOf(stanza));
    if (typeof login === "string") {
      this.#refuseLogin(login);
      return;
    }
    // the stream starts anew after the answer, for which a client waits: nothing of the new one can be in what was read
    this.#stream.stop();
    this.hold();
    const remoteAddress = this.#remoteAddress;
    this.#cancelAuthentication = this.#context.bounded.authenticating({ ...login, remoteAddress }, (sender) => {
      if (sender.kind === "sender") this.#loggedIn(login, sender);
      else this.#refuseLogin(sender.code === "authentication-failed" ? "not-authorized" : "temporary-auth-failure");
      this.resume();
    });
  }

  #loggedIn({ senderId }: CcsLogin, { client }: Sender): void {
    this.#senderId = senderId;
    this.#client = client;
    this.#phase = "binding";
    this.send(SASL_SUCCESS);
    this.#stream = this.#newStream();
  }

  #refuseLogin(condition: string): void {
    this.#context.emit({ type: "login-refused", connection: this, condition });
    this.send(saslFailure(condition));
    this.end(`login refused: ${condition}`);
  }

  #onIq(iq: XmlElement): void {
    const { domain } = this.#context.rules;
    const bind = childOf(iq, "bind", NS.bind);
    if (bind !== undefined && this.#phase === "binding") {
      this.#bind(iq, bind, domain);
      return;
    }
    if (iq.attributes["type"] === "result" || iq.attributes["type"] === "error") return;
    const known = childOf(iq, "session", NS.session) ?? childOf(iq, "ping", NS.ping);
    this.send(known === undefined ? iqUnavailable(iq, this.#jid, domain) : iqResult(iq, this.#jid, domain));
  }

  #bind(iq: XmlElement, bind: XmlElement, domain: string): void {
    const refused = this.#context.limits.refuse(this.#senderId);
    if (refused !== undefined) {
      this.send(iqResourceConstraint(iq, `${this.#senderId}@${domain}`, domain));
      this.end(refused);
      return;
    }
    const resource = childOf(bind, "resource", NS.bind);
    const asked = resource === undefined ? "" : textOf(resource).slice(0, 256);
    const suffix = this.#context.resourceSuffix || asked === "" ? this.#context.hexId(8).toUpperCase() : "";
    // a resource is text of the client's: markup has no place in what is written back
    const jid = `${this.#senderId}@${domain}/${asked}${suffix}`.replace(/[&<>"']/g, "");
    this.#jid = jid;
    this.send(iqResult(iq, jid, domain, `<bind xmlns="${NS.bind}"><jid>${jid}</jid></bind>`));
    this.#phase = "online";
    this.#cancelLoginTimeout();
    this.#owner.online(this);
    this.#traffic.attach();
  }

  #closed(): void {
    if (this.#phase === "closed") return;
    const wasOnline = this.#phase === "online";
    this.#stop();
    this.#phase = "closed";
    for (const cancel of [...this.#timers]) cancel();
    if (wasOnline) {
      this.#context.limits.closed(this.#senderId);
      this.#traffic.close();
    }
    this.#owner.closed(this);
    this.#context.emit({ type: "closed", connection: this, reason: this.#reason ?? "the client went away" });
  }
}
