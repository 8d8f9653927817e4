import { AuthenticationError, ConnectionError } from "@cloud-messaging/core";
import {
  authorityOf,
  codeOfError,
  connectionFailure,
  defined,
  describeError,
  nameOfError,
} from "@cloud-messaging/core/transport";
import { LibraryClient, type LibraryParser, type NegotiationOptions } from "./library-client.ts";
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

/** Options of an XMPP stream. */
export interface XmppOptions extends TextStreamTarget, NegotiationOptions {
  /** Redactor for text from the server. */
  readonly redact: (text: string) => string;
  readonly limits: XmlLimits;
}

/** Events of an XMPP stream, from the attempt to its end. */
export interface XmppEvents {
  /** A step of the negotiation has begun. */
  progress(step: XmppStep): void;
  /** Logged in and bound: stanzas may be written. `early`: messages received before that, to be handled first. */
  online(jid: string, early: readonly MessageStanza[]): void;
  message(stanza: MessageStanza): void;
  /** Any other stanza, after `online`. */
  element(element: XmlElement): void;
  /** Data was received, white space included. */
  received(): void;
  /** Congestion has ended. */
  drained(): void;
  /** Last event: the socket is closed. */
  ended(cause: ConnectionError | AuthenticationError): void;
}

/** Steps of an attempt, by what it waits for. */
export type XmppStep = "TCP connection" | "TLS handshake" | "stream negotiation" | "login";

const SESSION_REQUEST_ID = "session";
/** Temporary SASL failures. Every other one means that the credentials are refused. Source: RFC 6120, section 6.5 */
const PASSING_SASL_FAILURES: ReadonlySet<string> = new Set(["temporary-auth-failure", "aborted"]);
/** Maximum number of stanzas received with the bind result, before the library emits `online`. Unit: stanzas. */
const MAX_EARLY_STANZAS = 1000;
/** Maximum total length of these, in stanzas of maximum length. */
const MAX_EARLY_FULL_STANZAS = 4;

/** One XMPP stream, from TCP to its end. A library negotiates it (`LibraryClient`); once online, stanzas bypass the library. */
export class XmppStream {
  readonly #options: XmppOptions;
  readonly #events: XmppEvents;
  readonly #text: TextStream;
  readonly #library: LibraryClient;
  /** Scanner of the present stream; replaced at each restart of the stream. */
  #scanner: XmlScanner | undefined;
  #early: MessageStanza[] | undefined = [];
  #earlyChars = 0;
  /** True once the bind request is under way, after login. */
  #binding = false;
  #loggedIn = false;
  #wantsSession = false;
  #sessionAnswered = false;
  #jid = "";
  #phase: "negotiating" | "session" | "online" | "ended" = "negotiating";
  #cause: ConnectionError | AuthenticationError | undefined;
  /** The far end has opened an XMPP stream. */
  #opened = false;

  constructor(options: XmppOptions, events: XmppEvents) {
    this.#options = options;
    this.#events = events;
    this.#library = new LibraryClient(options, {
      write: (text) => {
        this.#text.write(text);
        this.#text.flush();
      },
      opening: (parser) => this.#startReading(parser),
      bound: (jid) => this.#bound(jid),
      failed: (error) => this.#failNegotiation(error),
    });
    this.#text = new TextStream(options, {
      connected: () => events.progress("TLS handshake"),
      secured: () => {
        events.progress("stream negotiation");
        this.#library.secured();
      },
      text: (text) => this.#read(text),
      drained: () => events.drained(),
      closed: (error) => this.#ended(error),
    });
    events.progress("TCP connection");
    this.#library.start();
  }

  /** Number of the batch that text written now belongs to; see `flushed`. */
  get batch(): number {
    return this.#text.batch;
  }

  /** True if the batch was given to the socket. */
  flushed(batch: number): boolean {
    return batch < this.#text.batch;
  }

  /** True under backpressure. */
  get congested(): boolean {
    return this.#text.congested;
  }

  /** Adds stanzas to the batch of this turn of the event loop. */
  write(stanzas: string): void {
    this.#text.write(stanzas);
  }

  pause(): void {
    this.#text.pause();
  }

  resume(): void {
    this.#text.resume();
  }

  /** Closes the stream; the server is expected to close its side. */
  close(): void {
    if (this.#phase === "online") this.#text.write("</stream:stream>");
    this.#text.end();
  }

  /** Closes the socket at once, with the given cause. */
  destroy(cause: ConnectionError | AuthenticationError): void {
    this.#cause ??= cause;
    this.#text.destroy();
  }

  /** Starts a new document when the library opens a stream, at first and after login. */
  #startReading(parser: LibraryParser): void {
    this.#scanner?.stop();
    const sink: StanzaSink = {
      streamOpened: (attributes) => {
        this.#opened = true;
        this.#events.progress("login");
        parser.streamOpened(attributes);
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
      // after everything received with the session result, which may announce draining
      if (this.#sessionAnswered && this.#phase === "session") this.#goOnline();
    } catch (error) {
      // invalid data ends this connection only
      if (error instanceof XmlSyntaxError) this.#refuse(error);
      else this.destroy(new ConnectionError("What the server sent could not be read", { cause: this.#causeOf(error) }));
    }
  }

  /** Writes a stream error before closing, as RFC 6120 requires. */
  #refuse(error: XmlSyntaxError): void {
    if (this.#phase === "online") {
      this.#text.write(
        `<stream:error><${error.condition} xmlns="${NAMESPACE.streamErrors}"/></stream:error></stream:stream>`,
      );
      this.#text.flush();
    }
    const said = `The server sent ${this.#options.redact(error.message)}`;
    // XML that breaks later is a fault of one connection; this is another service
    const cause = this.#opened ? error : Object.assign(new Error(said, { cause: error }), { code: "wrong-protocol" });
    const text = this.#opened ? said : connectionFailure(authorityOf(this.#options), cause).detail;
    this.destroy(new ConnectionError(text, { cause }));
  }

  #message(stanza: MessageStanza): void {
    if (this.#early === undefined) {
      this.#events.message(stanza);
      return;
    }
    // no message is allowed before login
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

  #element(element: XmlElement, parser: LibraryParser): void {
    if (element.namespace === NAMESPACE.stream && element.name === "error") {
      const text = this.#options.redact(streamErrorText(element));
      this.destroy(new ConnectionError(`The server ended the stream: ${text}`));
      return;
    }
    if (this.#phase === "online") {
      this.#events.element(element);
      return;
    }
    if (this.#phase === "session" && element.name === "iq" && element.attributes["id"] === SESSION_REQUEST_ID) {
      // sessions are optional and obsolete: a refusal is no failure
      this.#sessionAnswered = true;
      return;
    }
    if (element.namespace === NAMESPACE.sasl && element.name === "success") this.#loggedIn = true;
    if (element.namespace === NAMESPACE.sasl && element.name === "failure") {
      // handled here: the library reports it later, possibly after the end of the stream
      this.destroy(this.#loginFailure(element));
      return;
    }
    if (element.namespace === NAMESPACE.stream && element.name === "features") {
      const features = this.#usableFeatures(element);
      if (features !== undefined) parser.element(features);
      return;
    }
    parser.element(element);
  }

  /** Returns the offered features that are used: SASL PLAIN and resource binding. */
  #usableFeatures(features: XmlElement): XmlElement | undefined {
    const children: XmlElement[] = [];
    const mechanisms = childOf(features, "mechanisms", NAMESPACE.sasl);
    if (mechanisms !== undefined) {
      const offered = mechanisms.children.map(({ text }) => text.trim());
      if (!offered.includes("PLAIN")) {
        this.destroy(
          new AuthenticationError("The server does not offer the login mechanism PLAIN, the only one for API keys"),
        );
        return undefined;
      }
      children.push(elementOf("mechanisms", NAMESPACE.sasl, [elementOf("mechanism", NAMESPACE.sasl, [], "PLAIN")]));
    }
    if (childOf(features, "bind", NAMESPACE.bind) !== undefined) {
      const session = childOf(features, "session", NAMESPACE.session);
      this.#wantsSession = session !== undefined && childOf(session, "optional", NAMESPACE.session) === undefined;
      children.push(elementOf("bind", NAMESPACE.bind));
      this.#binding = this.#loggedIn;
    }
    if (children.length === 0) {
      this.destroy(new ConnectionError("The server offers neither a login nor a binding of a resource"));
      return undefined;
    }
    return elementOf("features", NAMESPACE.stream, children);
  }

  #bound(jid: string): void {
    if (this.#phase !== "negotiating" || this.#cause !== undefined) return;
    this.#jid = this.#options.redact(jid);
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
    const { login, redact } = this.#options;
    const text = `CCS refused the login of ${login} (${redact(condition)})`;
    if (PASSING_SASL_FAILURES.has(condition)) return new ConnectionError(text);
    return new AuthenticationError(`${text}: check the sender ID and the API key`);
  }

  /** Copies an error of Node or the library as a cause: redacted, without its other properties, which may hold transferred data. */
  #causeOf(error: unknown): Error {
    const cause = new Error(this.#options.redact(describeError(error)));
    const code = codeOfError(error);
    return Object.assign(cause, defined({ name: nameOfError(error), code }));
  }

  #ended(error: Error | undefined): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#scanner?.stop();
    this.#early = undefined;
    const reason = error === undefined ? undefined : this.#causeOf(error);
    const cause =
      this.#cause ??
      (reason === undefined
        ? new ConnectionError("The server closed the connection")
        : new ConnectionError(connectionFailure(authorityOf(this.#options), reason).detail, { cause: reason }));
    this.#library.end(cause);
    this.#events.ended(cause);
  }
}

function elementOf(name: string, namespace: string, children: readonly XmlElement[] = [], text = ""): XmlElement {
  return { name, namespace, attributes: {}, children, text };
}

function streamErrorText(error: XmlElement): string {
  const condition = error.children.find(
    ({ namespace, name }) => namespace === NAMESPACE.streamErrors && name !== "text",
  );
  const text = childOf(error, "text", NAMESPACE.streamErrors)?.text;
  return `${condition?.name ?? "no reason given"}${text ? ` (${text})` : ""}`;
}
