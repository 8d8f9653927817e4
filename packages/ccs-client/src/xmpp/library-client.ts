import { EventEmitter } from "node:events";
import { authorityOf, defined } from "@cloud-messaging/core/transport";
import { client, type Element, type Entity, xml } from "@xmpp/client";
import { LibrarySocket } from "./library-socket.ts";
import type { XmlElement } from "./stanza-reader.ts";
import type { XmlAttributes } from "./start-tag.ts";

/** Far end and login of a stream. */
export interface NegotiationOptions {
  readonly host: string;
  readonly port: number;
  /** `to` attribute of the stream header. */
  readonly domain: string;
  /** Complete SASL login name. */
  readonly login: string;
  readonly password: string;
  /** Resource to request; the server may bind another one. */
  readonly resource: string | undefined;
}

/** Effects of a negotiation on its stream. */
export interface NegotiationEffects {
  /** Writes text at once. */
  write(text: string): void;
  /** A stream is opened, at first and after login: what the server sends next is a new document, for this parser. */
  opening(parser: LibraryParser): void;
  /** Logged in and bound. */
  bound(jid: string): void;
  /** The negotiation has failed; may be told again. */
  failed(error: unknown): void;
}

/**
 * Time-out of @xmpp/client for opening a stream and for requests, which cannot be disabled. Long, since `loginTimeoutMs` applies first.
 * Unit: milliseconds.
 */
const LIBRARY_TIMEOUT_MS = 600_000;

/** Parser of one document as the library sees it: passes on what `XmlScanner` has read. */
export class LibraryParser extends EventEmitter {
  streamOpened(attributes: XmlAttributes): void {
    this.emit("start", xml("stream:stream", { ...attributes }));
  }

  element(element: XmlElement): void {
    this.emit("element", toLibraryElement(element));
  }
}

/**
 * Negotiation by @xmpp/client: stream, login, resource binding. Socket and parser are replaced, because those of the library corrupt text at
 * chunk boundaries, crash on invalid XML, follow `see-other-host`, have no limits and do not expose TLS options.
 */
export class LibraryClient {
  readonly #options: NegotiationOptions;
  readonly #effects: NegotiationEffects;
  readonly #socket: LibrarySocket;
  readonly #entity: Entity;

  constructor(options: NegotiationOptions, effects: NegotiationEffects) {
    this.#options = options;
    this.#effects = effects;
    this.#socket = new LibrarySocket((text, done) => {
      effects.write(text);
      done();
    });
    this.#entity = this.#createEntity();
  }

  /** Begins. Nothing is written until `secured` is called. */
  start(): void {
    const negotiate = async (): Promise<void> => {
      await this.#entity.connect(this.#service);
      await this.#entity.open({ domain: this.#options.domain });
    };
    negotiate().catch((error: unknown) => this.#effects.failed(error));
  }

  /** TLS is up. */
  secured(): void {
    this.#socket.emit("connect");
  }

  /** Ends pending requests of the library, and its timers. */
  end(cause: Error): void {
    for (const request of this.#entity.iqCaller.handlers.values()) request.reject(cause);
    this.#entity.emit("error", cause);
  }

  get #service(): string {
    return `xmpps://${authorityOf(this.#options)}`;
  }

  #createEntity(): Entity {
    const { domain, resource, login, password } = this.#options;
    const entity = client({
      service: this.#service,
      domain,
      timeout: LIBRARY_TIMEOUT_MS,
      ...defined({ resource }),
      // PLAIN only: other mechanisms need another secret
      credentials: (authenticate) => authenticate({ username: login, password }, "PLAIN"),
    });
    // the pool reconnects
    entity.reconnect.stop();
    const request = entity.iqCaller.request.bind(entity.iqCaller);
    entity.iqCaller.request = (stanza) => request(stanza, LIBRARY_TIMEOUT_MS);
    entity.on("error", (error) => this.#effects.failed(error));
    entity.on("online", (jid) => this.#effects.bound(jid.toString()));
    const Base = entity.transports.find((transport) => {
      try {
        return transport.prototype.socketParameters("xmpps://localhost:1") !== undefined;
      } catch {
        return false;
      }
    });
    if (Base === undefined) throw new Error("@xmpp/client has no TLS transport");
    const socket = this.#socket;
    const effects = this.#effects;
    class OurTransport extends Base {}
    OurTransport.prototype.Socket = class {
      constructor() {
        // biome-ignore lint/correctness/noConstructorReturn: the library makes the socket with new; there is one per stream
        return socket;
      }
    };
    OurTransport.prototype.Parser = class extends LibraryParser {
      constructor() {
        super();
        effects.opening(this);
      }
    };
    entity.transports = [OurTransport];
    return entity;
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
