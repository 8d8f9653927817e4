import type { TLSSocket } from "node:tls";
import type { CancelTimer } from "@cloud-messaging/core";
import { childOf, createXmlStream, textOf, type XmlElement, type XmlStream } from "../xml-stream.ts";
import type { CcsContext } from "./ccs-context.ts";
import { checkLogin } from "./ccs-login.ts";
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
} from "./ccs-stanzas.ts";
import { type CcsLink, CcsTraffic } from "./ccs-traffic.ts";

/** Its reactions are microtasks that fake timers cannot hold back. */
const SETTLED = Promise.resolve();

/** Longest stanza read: a message's payload has 4 KiB, and escaping and options need room. Ours. Unit: bytes. */
const MAX_STANZA_BYTES = 262_144;
/** Beyond this much unread output the client is read no more until it reads. Ours. Unit: bytes. */
const MAX_UNREAD_BYTES = 1_048_576;
/** How long a client may take to close its side. Ours. Unit: milliseconds. */
const CLOSE_TIMEOUT_MS = 1000;

/** Where a connection stands. */
export type CcsPhase = "login" | "binding" | "online" | "draining" | "closed";

/** One XMPP connection of an app server, from the first byte to the last: the stream, the login, the end. */
export class CcsConnection implements CcsLink {
  readonly id: number;
  /** What flows once it is online. */
  readonly traffic: CcsTraffic;
  readonly #context: CcsContext;
  readonly #socket: TLSSocket;
  readonly #timers = new Set<CancelTimer>();
  readonly #cancelLogin: CancelTimer;
  #phase: Exclude<CcsPhase, "draining"> = "login";
  #senderId = "";
  #jid = "";
  #stream: XmlStream;
  #opened = false;
  #ending = false;
  #out = "";
  #reason: string | undefined;

  constructor(id: number, socket: TLSSocket, context: CcsContext) {
    this.id = id;
    this.#socket = socket;
    this.#context = context;
    this.traffic = new CcsTraffic(this, context);
    this.#stream = this.#newStream();
    this.#cancelLogin = this.later(context.loginTimeoutMs, () =>
      this.#fail("connection-timeout", "login took too long"),
    );
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => socket.end());
    socket.on("drain", () => socket.resume());
    socket.on("close", () => this.#closed());
    context.events.emit({ type: "connection", change: "opened", connectionId: id });
  }

  get phase(): CcsPhase {
    return this.#phase === "online" && this.traffic.draining ? "draining" : this.#phase;
  }

  get senderId(): string {
    return this.#senderId;
  }

  get jid(): string {
    return this.#jid;
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

  end(reason: string): void {
    if (this.ending) return;
    this.#reason ??= reason;
    this.traffic.flush();
    this.#ending = true;
    this.#stream.stop();
    this.send("</stream:stream>");
    this.#flush();
    this.#socket.end();
    this.later(CLOSE_TIMEOUT_MS, () => this.#socket.destroy());
  }

  cutWhenSent(reason: string): void {
    if (this.ending) return;
    this.#reason ??= reason;
    this.#ending = true;
    this.#stream.stop();
    const text = this.#out;
    this.#out = "";
    this.#socket.write(text, () => this.#socket.destroy());
    this.later(CLOSE_TIMEOUT_MS, () => this.#socket.destroy());
  }

  /** Ends it without a word. */
  cut(reason = "cut"): void {
    this.#reason ??= reason;
    this.#ending = true;
    this.#stream.stop();
    this.#out = "";
    this.#socket.destroy();
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
        onStanza: (stanza) => this.#onStanza(stanza),
        onClose: () => this.end("the client closed the stream"),
        onProblem: (problem, detail) => this.#fail(problem, detail),
      },
      MAX_STANZA_BYTES,
    );
  }

  #read(chunk: Buffer): void {
    this.#stream.write(chunk);
    this.traffic.pieceRead();
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#socket.pause();
  }

  #flush(): void {
    const text = this.#out;
    this.#out = "";
    if (text !== "" && !this.#socket.destroyed) this.#socket.write(text);
  }

  #fail(condition: string, detail: string): void {
    this.#reason ??= `${condition}: ${detail}`;
    if (!this.#opened) this.send(this.#header());
    this.send(streamError(condition));
    this.end(condition);
  }

  #header(): string {
    return streamHeader("gcm.googleapis.com", this.#context.ids.hex(16).toUpperCase());
  }

  #onOpen(root: Pick<XmlElement, "name" | "namespace">): void {
    this.#opened = true;
    this.send(this.#header());
    if (root.name !== "stream" || root.namespace !== NS.stream) this.#fail("invalid-namespace", root.namespace);
    else this.send(this.#phase === "login" ? LOGIN_FEATURES : SESSION_FEATURES);
  }

  #onStanza(stanza: XmlElement): void {
    if (this.#phase === "login") this.#login(stanza);
    else if (stanza.name === "message" && this.#phase === "online") this.traffic.read(stanza);
    else if (stanza.name === "message") this.#fail("not-authorized", "no resource bound");
    else if (stanza.name === "iq") this.#onIq(stanza);
    else if (stanza.name !== "presence") this.#fail("unsupported-stanza-type", stanza.name);
  }

  #login(stanza: XmlElement): void {
    if (stanza.name !== "auth" || stanza.namespace !== NS.sasl) {
      this.#fail("not-authorized", stanza.name);
      return;
    }
    const login = this.#checkLogin(stanza);
    if (typeof login === "string") {
      this.#context.counters.failedLogins++;
      this.send(saslFailure(login));
      this.end(`login refused: ${login}`);
      return;
    }
    this.#senderId = login.senderId;
    this.#phase = "binding";
    this.send(SASL_SUCCESS);
    // the stream starts anew; a client waits for the answer, so nothing of the new one can be in what was read
    this.#stream.stop();
    this.#stream = this.#newStream();
  }

  /** @returns The sender, or the SASL condition that says why not. */
  #checkLogin(stanza: XmlElement): { readonly senderId: string } | string {
    const { faults, credentials } = this.#context;
    const fault = faults.takeLogin(["not-authorized", "temporary-auth-failure"]);
    if (fault !== undefined) return fault;
    return checkLogin(stanza.attributes["mechanism"], textOf(stanza), credentials);
  }

  #onIq(iq: XmlElement): void {
    const { domain } = this.#context.service.profile;
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
    const refused = this.#context.refuseConnection(this.#senderId);
    if (refused !== undefined) {
      this.send(iqResourceConstraint(iq, `${this.#senderId}@${domain}`, domain));
      this.end(refused);
      return;
    }
    const resource = childOf(bind, "resource", NS.bind);
    const asked = resource === undefined ? "" : textOf(resource).slice(0, 256);
    const suffix = this.#context.resourceSuffix || asked === "" ? this.#context.ids.hex(8).toUpperCase() : "";
    // a resource is text of the client's: markup has no place in what is written back
    const jid = `${this.#senderId}@${domain}/${asked}${suffix}`.replace(/[&<>"']/g, "");
    this.#jid = jid;
    this.send(iqResult(iq, jid, domain, `<bind xmlns="${NS.bind}"><jid>${jid}</jid></bind>`));
    this.#phase = "online";
    this.#cancelLogin();
    this.#context.onOnline(this);
  }

  #closed(): void {
    if (this.#phase === "closed") return;
    const wasOnline = this.#phase === "online";
    this.#phase = "closed";
    for (const cancel of [...this.#timers]) cancel();
    if (wasOnline) this.traffic.close();
    this.#context.onClosed(this);
    this.#context.events.emit({
      type: "connection",
      change: "closed",
      connectionId: this.id,
      reason: this.#reason ?? "the client went away",
      ...(this.#senderId === "" ? {} : { senderId: this.#senderId }),
    });
  }
}
