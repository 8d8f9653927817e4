import { EventEmitter } from "node:events";
import { isIPv6 } from "node:net";
import { AuthenticationError, ConnectionError } from "@cloud-messaging/core";
import { codeOfError, describeError, nameOfError } from "@cloud-messaging/core/transport";
import { client, type Element, type Entity, xml } from "@xmpp/client";
import { LibrarySocket } from "./library-socket.ts";
import {
  childOf,
  type MessageStanza,
  NAMESPACE,
  StanzaReader,
  type StanzaSink,
  type XmlElement,
} from "./stanza-reader.ts";
import { TextStream, type TextStreamTarget } from "./text-stream.ts";
import { type XmlLimits, XmlScanner } from "./xml-scanner.ts";
import { XmlSyntaxError } from "./xml-text.ts";

/** Everything a connection attempt needs to know. */
export interface XmppOptions extends TextStreamTarget {
  /** `to` of the stream header. */
  readonly domain: string;
  /** The whole SASL login name. */
  readonly login: string;
  readonly password: string;
  /** The resource asked for; the server may bind another. */
  readonly resource: string | undefined;
  /** Applied to what the server says before it goes into an error. */
  readonly withoutSecrets: (text: string) => string;
  readonly limits: XmlLimits;
}

/** What happens on an XMPP stream, from the attempt to its end. */
export interface XmppEvents {
  /** A step of the way to `online` was reached, for messages about what was waited for. */
  progress(step: XmppStep): void;
  /** Logged in and bound: stanzas may be written. `early` came before that, and is to be read first. */
  online(jid: string, early: readonly MessageStanza[]): void;
  message(stanza: MessageStanza): void;
  /** Any other stanza after `online`. */
  element(element: XmlElement): void;
  /** Something was received, if only white space. */
  received(): void;
  drained(): void;
  /** The last event: the socket is gone. */
  ended(cause: ConnectionError | AuthenticationError): void;
}

/** What an attempt is waiting for. */
export type XmppStep = "TCP connection" | "TLS handshake" | "stream negotiation" | "login";

const SESSION_REQUEST_ID = "session";
/** SASL failures that may pass by themselves. Every other one means that these credentials are not accepted. Source: RFC 6120, section 6.5 */
const PASSING_SASL_FAILURES: ReadonlySet<string> = new Set(["temporary-auth-failure", "aborted"]);
/** Stanzas that may come with the answer to the bind request, before the library has said `online`. Unit: stanzas. */
const MAX_EARLY_STANZAS = 1000;
/** How many stanzas of full length they may have together. */
const MAX_EARLY_FULL_STANZAS = 4;
/**
 * The library's own limit on opening a stream and on requests, which cannot be switched off. Ours, on the caller's clock, is meant to
 * end the wait.
 * Unit: milliseconds.
 */
const LIBRARY_TIMEOUT_MS = 600_000;

/**
 * One XMPP stream, from TCP to its end. @xmpp/client negotiates it: opens the stream, logs in, binds. The bytes are never the
 * library's: it is given a transport whose socket and parser are ours, because its own corrupt text at chunk borders, crash on
 * bad XML, follow `see-other-host`, know no limits and reach no TLS option. Once online, stanzas do not pass through it at all.
 */
export class XmppStream {
  readonly #options: XmppOptions;
  readonly #events: XmppEvents;
  readonly #text: TextStream;
  readonly #entity: Entity;
  /** Reads what comes; a new one after each restart of the stream. */
  #scanner: XmlScanner | undefined;
  #early: MessageStanza[] | undefined = [];
  #earlyChars = 0;
  /** A resource was asked for, which the server offers to those alone who have logged in. */
  #binding = false;
  #loggedIn = false;
  #wantsSession = false;
  #sessionAnswered = false;
  #jid = "";
  #phase: "negotiating" | "session" | "online" | "ended" = "negotiating";
  #cause: ConnectionError | AuthenticationError | undefined;

  constructor(options: XmppOptions, events: XmppEvents) {
    this.#options = options;
    this.#events = events;
    const socket = new LibrarySocket((text, done) => {
      this.#text.write(text);
      this.#text.flush();
      done();
    });
    this.#text = new TextStream(options, {
      connected: () => events.progress("TLS handshake"),
      secured: () => {
        events.progress("stream negotiation");
        socket.emit("connect");
      },
      text: (text) => this.#read(text),
      drained: () => events.drained(),
      closed: (error) => this.#ended(error),
    });
    this.#entity = this.#createEntity(socket);
    events.progress("TCP connection");
    this.#negotiate().catch((error: unknown) => this.#failNegotiation(error));
  }

  /** Number of the write that takes what is written now; see `flushed`. */
  get batch(): number {
    return this.#text.batch;
  }

  /** Whether everything written as part of that batch has been given to the socket. */
  flushed(batch: number): boolean {
    return batch < this.#text.batch;
  }

  get congested(): boolean {
    return this.#text.congested;
  }

  /** Writes stanzas, together with everything else of this turn of the event loop. */
  write(stanzas: string): void {
    this.#text.write(stanzas);
  }

  pause(): void {
    this.#text.pause();
  }

  resume(): void {
    this.#text.resume();
  }

  /** Closes the stream properly; the server is expected to close its side too. */
  close(): void {
    if (this.#phase === "online") this.#text.write("</stream:stream>");
    this.#text.end();
  }

  /** Ends everything at once, for the reason given. */
  destroy(cause: ConnectionError | AuthenticationError): void {
    this.#cause ??= cause;
    this.#text.destroy();
  }

  #createEntity(socket: LibrarySocket): Entity {
    const { host, port, domain, resource, login, password } = this.#options;
    const entity = client({
      service: `xmpps://${isIPv6(host) ? `[${host}]` : host}:${port}`,
      domain,
      timeout: LIBRARY_TIMEOUT_MS,
      ...(resource === undefined ? {} : { resource }),
      // the name is the sender's, whatever host is dialled; and never another mechanism, which would need another secret
      credentials: (authenticate) => authenticate({ username: login, password }, "PLAIN"),
    });
    // reconnecting is the pool's, which knows about back-off and about what is pending
    entity.reconnect.stop();
    const request = entity.iqCaller.request.bind(entity.iqCaller);
    entity.iqCaller.request = (stanza) => request(stanza, LIBRARY_TIMEOUT_MS);
    entity.on("error", (error) => this.#failNegotiation(error));
    entity.on("online", (jid) => this.#bound(jid.toString()));
    const Base = entity.transports.find((transport) => {
      try {
        return transport.prototype.socketParameters("xmpps://localhost:1") !== undefined;
      } catch {
        return false;
      }
    });
    if (Base === undefined) throw new Error("@xmpp/client has no TLS transport");
    const stream = this;
    class OurTransport extends Base {}
    OurTransport.prototype.Socket = class {
      constructor() {
        // biome-ignore lint/correctness/noConstructorReturn: the library makes the socket with new; there is one per stream
        return socket;
      }
    };
    OurTransport.prototype.Parser = class extends EventEmitter {
      constructor() {
        super();
        stream.#startReading(this);
      }
    };
    entity.transports = [OurTransport];
    return entity;
  }

  async #negotiate(): Promise<void> {
    const { host, port, domain } = this.#options;
    await this.#entity.connect(`xmpps://${isIPv6(host) ? `[${host}]` : host}:${port}`);
    await this.#entity.open({ domain });
  }

  /** The library opens a stream, for the first time or after the login: a new document begins. */
  #startReading(parser: EventEmitter): void {
    this.#scanner?.stop();
    const sink: StanzaSink = {
      streamOpened: (attributes) => {
        this.#events.progress("login");
        parser.emit("start", xml("stream:stream", { ...attributes }));
      },
      message: (stanza) => this.#message(stanza),
      element: (element) => this.#element(element, parser),
      streamClosed: () => this.destroy(new ConnectionError("The server closed the stream")),
    };
    this.#scanner = new XmlScanner(new StanzaReader(sink), this.#options.limits);
  }

  #read(text: string): void {
    this.#events.received();
    if (this.#phase === "ended") return;
    try {
      this.#scanner?.write(text);
      // after all that came with the answer: it may say that this connection is draining
      if (this.#sessionAnswered && this.#phase === "session") this.#goOnline();
    } catch (error) {
      // whatever a server sends, it may cost this connection and nothing else
      if (error instanceof XmlSyntaxError) this.#refuse(error);
      else this.destroy(new ConnectionError("What the server sent could not be read", { cause: this.#causeOf(error) }));
    }
  }

  /** Says why before it hangs up, as RFC 6120 asks. */
  #refuse(error: XmlSyntaxError): void {
    if (this.#phase === "online") {
      this.#text.write(
        `<stream:error><${error.condition} xmlns="${NAMESPACE.streamErrors}"/></stream:error></stream:stream>`,
      );
      this.#text.flush();
    }
    this.destroy(
      new ConnectionError(`The server sent ${this.#options.withoutSecrets(error.message)}`, { cause: error }),
    );
  }

  #message(stanza: MessageStanza): void {
    if (this.#early === undefined) {
      this.#events.message(stanza);
      return;
    }
    // nothing has been asked for that a message could come with: nobody has logged in yet
    if (!this.#binding) {
      this.destroy(new ConnectionError("The server sent a message before the login"));
      return;
    }
    this.#earlyChars += (stanza.gcm?.length ?? 0) + (stanza.id?.length ?? 0);
    const maxChars = MAX_EARLY_FULL_STANZAS * this.#options.limits.maxStanzaChars;
    if (this.#early.length >= MAX_EARLY_STANZAS || this.#earlyChars > maxChars) {
      this.destroy(new ConnectionError("The server sent too many messages before the login was complete"));
      return;
    }
    this.#early.push(stanza);
  }

  #element(element: XmlElement, parser: EventEmitter): void {
    if (element.namespace === NAMESPACE.stream && element.name === "error") {
      const text = this.#options.withoutSecrets(streamErrorText(element));
      this.destroy(new ConnectionError(`The server ended the stream: ${text}`));
      return;
    }
    if (this.#phase === "online") {
      this.#events.element(element);
      return;
    }
    if (this.#phase === "session" && element.name === "iq" && element.attributes["id"] === SESSION_REQUEST_ID) {
      // optional and obsolete: a server that offers it and then refuses it can still be talked to
      this.#sessionAnswered = true;
      return;
    }
    if (element.namespace === NAMESPACE.sasl && element.name === "success") this.#loggedIn = true;
    if (element.namespace === NAMESPACE.sasl && element.name === "failure") {
      // not left to the library: it needs a moment, and the end of the stream may be right behind
      this.destroy(this.#loginFailure(element));
      return;
    }
    if (element.namespace === NAMESPACE.stream && element.name === "features") {
      const features = this.#usableFeatures(element);
      if (features !== undefined) parser.emit("element", features);
      return;
    }
    parser.emit("element", toLibraryElement(element));
  }

  /** Of what the server offers, only what we use: no stream management, no second way to log in, no mechanism but PLAIN. */
  #usableFeatures(features: XmlElement): Element | undefined {
    const children: Element[] = [];
    const mechanisms = childOf(features, "mechanisms", NAMESPACE.sasl);
    if (mechanisms !== undefined) {
      const offered = mechanisms.children.map(({ text }) => text.trim());
      if (!offered.includes("PLAIN")) {
        this.destroy(
          new AuthenticationError("The server does not offer the login mechanism PLAIN, the only one for API keys"),
        );
        return undefined;
      }
      children.push(xml("mechanisms", { xmlns: NAMESPACE.sasl }, xml("mechanism", {}, "PLAIN")));
    }
    if (childOf(features, "bind", NAMESPACE.bind) !== undefined) {
      const session = childOf(features, "session", NAMESPACE.session);
      this.#wantsSession = session !== undefined && childOf(session, "optional", NAMESPACE.session) === undefined;
      children.push(xml("bind", { xmlns: NAMESPACE.bind }));
      this.#binding = this.#loggedIn;
    }
    if (children.length === 0) {
      this.destroy(new ConnectionError("The server offers neither a login nor a binding of a resource"));
      return undefined;
    }
    return xml("features", { xmlns: NAMESPACE.stream }, ...children);
  }

  #bound(jid: string): void {
    if (this.#phase !== "negotiating" || this.#cause !== undefined) return;
    this.#jid = this.#options.withoutSecrets(jid);
    if (!this.#wantsSession) {
      this.#goOnline();
      return;
    }
    this.#phase = "session";
    this.#text.write(`<iq type="set" id="${SESSION_REQUEST_ID}"><session xmlns="${NAMESPACE.session}"/></iq>`);
  }

  #goOnline(): void {
    this.#phase = "online";
    const early = this.#early ?? [];
    this.#early = undefined;
    this.#events.online(this.#jid, early);
  }

  #failNegotiation(error: unknown): void {
    if (this.#phase !== "negotiating" || this.#cause !== undefined) return;
    this.destroy(new ConnectionError("The stream could not be negotiated", { cause: this.#causeOf(error) }));
  }

  #loginFailure(failure: XmlElement): ConnectionError | AuthenticationError {
    const condition = failure.children.find(({ name }) => name !== "text")?.name ?? "no reason given";
    const { login, withoutSecrets } = this.#options;
    const text = `CCS refused the login of ${login} (${withoutSecrets(condition)})`;
    if (PASSING_SASL_FAILURES.has(condition)) return new ConnectionError(text);
    return new AuthenticationError(`${text}: check the sender ID and the API key`);
  }

  /** An error of Node's or of the library's as the cause of ours: without what it has attached, which may be what was said or heard. */
  #causeOf(error: unknown): Error {
    const cause = new Error(this.#options.withoutSecrets(describeError(error)));
    const code = codeOfError(error);
    return Object.assign(cause, { name: nameOfError(error), ...(code === undefined ? {} : { code }) });
  }

  #ended(error: Error | undefined): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#scanner?.stop();
    this.#early = undefined;
    const { host, port } = this.#options;
    const reason = error === undefined ? undefined : this.#causeOf(error);
    const cause =
      this.#cause ??
      (reason === undefined
        ? new ConnectionError("The server closed the connection")
        : new ConnectionError(`The connection to ${host}:${port} failed: ${reason.message}`, { cause: reason }));
    // what the library is still waiting for ends here, and its timers with it
    for (const request of this.#entity.iqCaller.handlers.values()) request.reject(cause);
    this.#entity.emit("error", cause);
    this.#events.ended(cause);
  }
}

function toLibraryElement(element: XmlElement): Element {
  return xml(
    element.name,
    { ...element.attributes, xmlns: element.namespace },
    ...(element.text === "" ? [] : [element.text]),
    ...element.children.map(toLibraryElement),
  );
}

function streamErrorText(error: XmlElement): string {
  const condition = error.children.find(
    ({ namespace, name }) => namespace === NAMESPACE.streamErrors && name !== "text",
  );
  const text = childOf(error, "text", NAMESPACE.streamErrors)?.text;
  return `${condition?.name ?? "no reason given"}${text ? ` (${text})` : ""}`;
}
