import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type CancelTimer, type Clock, describeError, elapsedMs, type MonotonicInstant } from "@cloud-messaging/core";
import type { TlsOptions } from "./http-client.ts";
import {
  type Cancellable,
  type Http2Request,
  NOT_STARTED,
  nameOfCode,
  StreamExchange,
  type StreamHost,
} from "./http2-stream.ts";

/** Streams per connection while the server names no limit: what RFC 9113 recommends as the least. Unit: streams. */
const DEFAULT_MAX_STREAMS = 100;
/** Streams per connection we use, however many the server allows: beyond, another connection is the better choice. Unit: streams. */
const MAX_STREAMS = 250;

/** TLS says so where the server knows none of the protocols it was offered. */
const NO_COMMON_PROTOCOL = "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL";

/** What a server that answers in another protocol is to nghttp2. */
const PROTOCOL_ERRORS: ReadonlySet<string> = new Set(["ERR_HTTP2_ERROR", "ERR_HTTP2_SESSION_ERROR"]);

/** What one connection is told. */
export interface Http2ConnectionOptions {
  readonly origin: string;
  readonly tls?: TlsOptions | undefined;
  readonly clock: Clock;
  /** Connecting, TLS and the server's first SETTINGS may take so long. Unit: milliseconds. */
  readonly connectTimeoutMs: number;
  /** With streams open and nothing heard for so long, it asks whether anybody is there. Unit: milliseconds. */
  readonly pingAfterMs: number;
  /** The answer to that may take so long. Unit: milliseconds. */
  readonly pingTimeoutMs: number;
}

/** What one connection tells its pool. */
export interface Http2ConnectionEvents {
  /** It can take a stream, or more of them than before. */
  onCapacity(): void;
  /** It takes no new streams; those it has may still end well. */
  onRetired(): void;
  /** It is gone. The reason is absent where nothing was wrong; `used`: it has carried a request. */
  onClosed(reason: string | undefined, used: boolean): void;
}

/**
 * One HTTP/2 connection. It opens no more streams than the server's SETTINGS allow, so that none waits unseen inside nghttp2; after
 * GOAWAY it opens none, tells those above the last stream ID apart as refused, and lets the others finish. While it has nothing to do
 * it does not keep the process alive, and that the server ends it then is no error.
 */
export class Http2Connection implements StreamHost {
  readonly #options: Http2ConnectionOptions;
  readonly #events: Http2ConnectionEvents;
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  #phase: "connecting" | "open" | "retired" | "closed" = "connecting";
  /** What the server allows, or less after it refused streams. */
  #limit = 0;
  #allowed = DEFAULT_MAX_STREAMS;
  #streams = 0;
  #used = false;
  #succeeded = 0;
  #lastStreamId = Number.POSITIVE_INFINITY;
  #heardAt: MonotonicInstant;
  #reason: string | undefined;
  #cancelTimer: CancelTimer | undefined;

  constructor(options: Http2ConnectionOptions, events: Http2ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#heardAt = options.clock.monotonic();
    this.#socket = openSocket(options);
    this.#session = connect(options.origin, {
      createConnection: () => this.#socket,
      settings: { enablePush: false },
    });
    this.#session.on("remoteSettings", ({ maxConcurrentStreams }) => this.#onSettings(maxConcurrentStreams));
    this.#session.on("goaway", (code, lastStreamId) => this.#onGoaway(code, lastStreamId));
    this.#session.on("error", (error: NodeJS.ErrnoException) => {
      const other = error.code === NO_COMMON_PROTOCOL || (this.connecting && PROTOCOL_ERRORS.has(error.code ?? ""));
      this.#reason ??= other ? noHttp2(options.origin) : describeError(error);
    });
    // a server that ignores what it was offered would be spoken to in a language it does not know
    this.#socket.once("secureConnect", () => {
      if ((this.#socket as TLSSocket).alpnProtocol !== "h2") this.destroy(noHttp2(options.origin));
    });
    this.#session.on("close", () => this.#onClose());
    this.#cancelTimer = options.clock.schedule(options.connectTimeoutMs, () =>
      this.destroy(`no connection to ${options.origin} within ${options.connectTimeoutMs} ms`),
    );
  }

  /** Connecting still: no stream may be opened yet. */
  get connecting(): boolean {
    return this.#phase === "connecting";
  }

  /** How many streams can be opened now. */
  get room(): number {
    return this.#phase === "open" ? Math.max(0, this.#limit - this.#streams) : 0;
  }

  /** Why it ends or ended, where that is known. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams;
  }

  /** It has carried a request. */
  get used(): boolean {
    return this.#used;
  }

  /** Instant at which something was last heard. */
  get heardAt(): MonotonicInstant {
    return this.#heardAt;
  }

  /** Opens a stream. Call only where there is room. */
  request(request: Http2Request): Cancellable {
    let stream: ClientHttp2Stream;
    try {
      stream =
        request.body === undefined
          ? this.#session.request(request.headers, { endStream: true })
          : this.#session.request(request.headers);
    } catch (error) {
      // the session is closing under us, or has run out of stream IDs: either way nothing of it was sent
      this.retire();
      void Promise.resolve().then(() => request.onRefused(describeError(error)));
      return NOT_STARTED;
    }
    this.#used = true;
    if (this.#streams++ === 0) this.#becomeBusy();
    const exchange = new StreamExchange(stream, request, this);
    if (request.body !== undefined) stream.end(request.body);
    return exchange;
  }

  /** Takes no new streams from here on, lets those it has finish, then closes. */
  retire(): void {
    if (this.#phase !== "connecting" && this.#phase !== "open") return;
    this.#phase = "retired";
    this.#events.onRetired();
    if (!this.#session.closed) this.#session.close();
    if (this.#streams === 0) this.#hangUp();
  }

  /** Ends it with everything on it. */
  destroy(reason: string): void {
    this.#reason ??= reason;
    this.#session.destroy();
    // a session that was ending in good order would wait for the far end to hang up
    this.#socket.destroy();
  }

  #onSettings(maxConcurrentStreams: number | undefined): void {
    this.#heardAt = this.#options.clock.monotonic();
    this.#allowed = Math.min(MAX_STREAMS, maxConcurrentStreams ?? DEFAULT_MAX_STREAMS);
    this.#limit = this.#allowed;
    if (this.#phase === "connecting") {
      this.#phase = "open";
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.#session.unref();
    }
    this.#events.onCapacity();
  }

  #onGoaway(code: number, lastStreamId: number): void {
    this.#lastStreamId = lastStreamId;
    if (code !== constants.NGHTTP2_NO_ERROR) this.#reason ??= `the server said GOAWAY, ${nameOfCode(code)}`;
    else this.#reason ??= "the server said GOAWAY";
    this.retire();
  }

  #onClose(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#events.onClosed(this.#reason, this.#used);
  }

  /** Of a stream of ours: the server says, or has said with its GOAWAY, that it has not processed it. */
  hasRefused(stream: ClientHttp2Stream): boolean {
    if (stream.id === undefined) return true;
    return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id > this.#lastStreamId;
  }

  /** Something came on one of its streams. */
  onHeard(): void {
    this.#heardAt = this.#options.clock.monotonic();
  }

  /** One of its streams has closed. */
  onStreamOver(outcome: "answered" | "refused" | "lost" | "cancelled"): void {
    this.#streams--;
    if (outcome === "refused") {
      // the server wants fewer than it said; room comes back stream by stream
      this.#limit = Math.min(this.#allowed, Math.max(1, Math.min(this.#limit, this.#streams)));
      this.#succeeded = 0;
    } else if (outcome === "answered" && this.#limit < this.#allowed && ++this.#succeeded >= this.#limit) {
      this.#limit++;
      this.#succeeded = 0;
    }
    if (this.#streams === 0) {
      this.#becomeIdle();
      if (this.#phase === "retired") this.#hangUp();
    }
    if (this.room > 0) this.#events.onCapacity();
  }

  /** A far end that never hangs up must not keep the socket of a session that has ended. */
  #hangUp(): void {
    setImmediate(() => this.#socket.destroySoon());
  }

  #becomeBusy(): void {
    this.#session.ref();
    this.#heardAt = this.#options.clock.monotonic();
    this.#watch(this.#options.pingAfterMs);
  }

  #becomeIdle(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!this.#session.destroyed) this.#session.unref();
  }

  /** A connection can die without a word (a router that forgets it): streams would wait on it until their time is up. */
  #watch(delayMs: number): void {
    const { clock, pingAfterMs } = this.#options;
    this.#cancelTimer = clock.schedule(delayMs, () => {
      const quietMs = elapsedMs(clock, this.#heardAt);
      if (quietMs < pingAfterMs) this.#watch(pingAfterMs - quietMs);
      else this.#ping();
    });
  }

  #ping(): void {
    const { clock, pingAfterMs, pingTimeoutMs } = this.#options;
    this.#cancelTimer = clock.schedule(pingTimeoutMs, () =>
      this.destroy(`the connection is dead: no answer to a ping within ${pingTimeoutMs} ms`),
    );
    this.#session.ping((error) => {
      // an error means that the session is being destroyed, which tells everybody itself
      if (error !== null || this.#streams === 0) return;
      this.#cancelTimer?.();
      this.#heardAt = clock.monotonic();
      this.#watch(pingAfterMs);
    });
  }
}

function noHttp2(origin: string): string {
  return `${new URL(origin).hostname} does not speak HTTP/2: set httpVersion: "1.1"`;
}

/** The socket under the session. Ours, so that it can be ended whatever the session waits for. */
function openSocket({ origin, tls = {} }: Http2ConnectionOptions): Socket {
  const { protocol, hostname, port } = new URL(origin);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (protocol === "http:") return connectTcp({ host, port: Number(port || 80), noDelay: true });
  const { ca, ...rest } = tls;
  return connectTls({
    host,
    port: Number(port || 443),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...rest,
    ...(ca === undefined ? {} : { ca: ca as string | Buffer | (string | Buffer)[] }),
    ALPNProtocols: ["h2"],
  }).setNoDelay(true);
}
