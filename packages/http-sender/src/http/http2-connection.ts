import type { ClientRequest } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { CancelTimer, Clock, MonotonicInstant, TlsOptions } from "@cloud-messaging/core";
import { describeError, elapsedMs, verifiedTls } from "@cloud-messaging/core/transport";
import {
  type Cancellable,
  type Http2Request,
  NOT_STARTED,
  nameOfCode,
  StreamExchange,
  type StreamHost,
} from "./http2-stream.ts";
import { targetOf } from "./proxy.ts";
import { openTunnel } from "./tunnel.ts";

/** Streams per connection while the server names no limit: what RFC 9113 recommends as the least. Unit: streams. */
const DEFAULT_MAX_STREAMS = 100;
/** Streams per connection we use, however many the server allows: beyond, another connection is the better choice. Unit: streams. */
const MAX_STREAMS = 250;

/** A ping unanswered for so long speaks for another connection, if not yet against this one. Unit: milliseconds. */
const MAX_SILENT_MS = 1_000;

/** TLS says so where the server knows none of the protocols it was offered. */
const NO_COMMON_PROTOCOL = "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL";

/** What a server that answers in another protocol is to nghttp2. */
const PROTOCOL_ERRORS: ReadonlySet<string> = new Set(["ERR_HTTP2_ERROR", "ERR_HTTP2_SESSION_ERROR"]);

/** What one connection is told. */
export interface Http2ConnectionOptions {
  readonly origin: string;
  readonly tls?: TlsOptions | undefined;
  /** Goes through it by CONNECT. */
  readonly proxy?: URL | undefined;
  readonly clock: Clock;
  /** Connecting, TLS and the server's first SETTINGS may take so long. Unit: milliseconds. */
  readonly connectTimeoutMs: number;
  /** Longest silence after which it is still trusted: then a ping has to be answered. Unit: milliseconds. */
  readonly pingAfterMs: number;
  /** The answer to that may take so long. Unit: milliseconds. */
  readonly pingTimeoutMs: number;
}

/** What one connection tells its pool. */
export interface Http2ConnectionEvents {
  /** It can take a stream, or more of them than before. */
  onCapacity(): void;
  /** A ping has had no answer for a while: likely it is dead, and others are the better choice. */
  onSilent(): void;
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
  #tunnel: ClientRequest | undefined;
  #session: ClientHttp2Session | undefined;
  #socket: Socket | undefined;
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
  /** A ping is out, and no new stream is opened until it is answered. */
  #ping: "none" | "out" | "silent" = "none";
  #cancelTimer: CancelTimer | undefined;

  constructor(options: Http2ConnectionOptions, events: Http2ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#heardAt = options.clock.monotonic();
    if (options.proxy === undefined) this.#begin(openSocket(options));
    else this.#openThrough(options.proxy);
    this.#cancelTimer = options.clock.schedule(options.connectTimeoutMs, () =>
      this.destroy(`no connection to ${options.origin} within ${options.connectTimeoutMs} ms`),
    );
  }

  #openThrough(proxy: URL): void {
    const { origin, tls, connectTimeoutMs: timeoutMs } = this.#options;
    this.#tunnel = openTunnel({ proxy, target: targetOf(origin), tls, timeoutMs }, (error, socket) => {
      this.#tunnel = undefined;
      if (this.#phase === "closed") socket?.destroy();
      else if (socket !== null) this.#begin(openSocket(this.#options, socket));
      else {
        this.#reason ??= error?.message;
        this.#onClose();
      }
    });
  }

  #begin(socket: Socket): void {
    const { origin } = this.#options;
    this.#socket = socket;
    const session = connect(origin, { createConnection: () => socket, settings: { enablePush: false } });
    this.#session = session;
    session.on("remoteSettings", ({ maxConcurrentStreams }) => this.#onSettings(maxConcurrentStreams));
    session.on("goaway", (code, lastStreamId) => this.#onGoaway(code, lastStreamId));
    session.on("error", (error: NodeJS.ErrnoException) => {
      const other = error.code === NO_COMMON_PROTOCOL || (this.connecting && PROTOCOL_ERRORS.has(error.code ?? ""));
      this.#reason ??= other ? noHttp2(origin) : describeError(error);
    });
    // a server that ignores what it was offered would be spoken to in a language it does not know
    socket.once("secureConnect", () => {
      if ((socket as TLSSocket).alpnProtocol !== "h2") this.destroy(noHttp2(origin));
    });
    session.on("close", () => this.#onClose());
  }

  /** Connecting still: no stream may be opened yet. */
  get connecting(): boolean {
    return this.#phase === "connecting";
  }

  /** How many streams can be opened now. */
  get room(): number {
    return this.#phase === "open" && this.#ping === "none" ? Math.max(0, this.#limit - this.#streams) : 0;
  }

  /** Room is likely to come soon: it is being made, or a ping is out that was not left unanswered for long. */
  get promising(): boolean {
    return this.#phase === "connecting" || (this.#phase === "open" && this.#ping === "out");
  }

  /** Nothing has been heard for so long that it has to be verified before it is used. */
  get quiet(): boolean {
    return elapsedMs(this.#options.clock, this.#heardAt) >= this.#options.pingAfterMs;
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
      if (this.#session === undefined) throw new Error("the connection is not open");
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
    if (this.#session?.closed === false) this.#session.close();
    if (this.#streams === 0) this.#hangUp();
  }

  /** Ends it with everything on it. */
  destroy(reason: string): void {
    this.#reason ??= reason;
    this.#tunnel?.destroy();
    this.#session?.destroy();
    // a session that was ending in good order would wait for the far end to hang up
    this.#socket?.destroy();
    if (this.#session === undefined) this.#onClose();
  }

  #onSettings(maxConcurrentStreams: number | undefined): void {
    this.#heardAt = this.#options.clock.monotonic();
    this.#allowed = Math.min(MAX_STREAMS, maxConcurrentStreams ?? DEFAULT_MAX_STREAMS);
    this.#limit = this.#allowed;
    if (this.#phase === "connecting") {
      this.#phase = "open";
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.#session?.unref();
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
    setImmediate(() => this.#socket?.destroySoon());
  }

  #becomeBusy(): void {
    this.#session?.ref();
    this.#heardAt = this.#options.clock.monotonic();
    this.#watch(this.#options.pingAfterMs);
  }

  #becomeIdle(): void {
    // a ping that is out keeps its time limit: a connection that does not answer it must not be used again
    if (this.#ping === "none") {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
    }
    if (this.#session?.destroyed === false) this.#session.unref();
  }

  /** A connection can die without a word (a router that forgets it): streams would wait on it until their time is up. */
  #watch(delayMs: number): void {
    const { clock, pingAfterMs } = this.#options;
    this.#cancelTimer = clock.schedule(delayMs, () => {
      const quietMs = elapsedMs(clock, this.#heardAt);
      if (quietMs < pingAfterMs) this.#watch(pingAfterMs - quietMs);
      else this.verify();
    });
  }

  /** Takes no new stream until a ping has been answered; destroys the connection where it is not. */
  verify(): void {
    if (this.#phase !== "open" && this.#phase !== "retired") return;
    if (this.#ping !== "none") return;
    const { clock, pingTimeoutMs } = this.#options;
    const sentAt = clock.monotonic();
    const silentMs = Math.min(MAX_SILENT_MS, pingTimeoutMs / 2);
    this.#ping = "out";
    this.#cancelTimer?.();
    this.#cancelTimer = clock.schedule(silentMs, () => {
      this.#ping = "silent";
      this.#events.onSilent();
      this.#cancelTimer = clock.schedule(pingTimeoutMs - silentMs, () => {
        // the answer to a ping may stand behind a long answer to a request
        if (this.#heardAt > sentAt) this.#onAlive();
        else this.destroy(`the connection is dead: no answer to a ping within ${pingTimeoutMs} ms`);
      });
    });
    this.#session?.ping((error) => {
      // an error means that the session is being destroyed, which tells everybody itself
      if (error === null && this.#ping !== "none") this.#onAlive();
    });
  }

  #onAlive(): void {
    this.#ping = "none";
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#heardAt = this.#options.clock.monotonic();
    if (this.#streams > 0) this.#watch(this.#options.pingAfterMs);
    if (this.room > 0) this.#events.onCapacity();
  }
}

function noHttp2(origin: string): string {
  return `${new URL(origin).hostname} does not speak HTTP/2: set httpVersion: "1.1"`;
}

/** The socket under the session. Ours, so that it can be ended whatever the session waits for. */
function openSocket({ origin, tls }: Http2ConnectionOptions, tunnel?: Socket): Socket {
  const { protocol, hostname, port } = new URL(origin);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (protocol === "http:") return tunnel ?? connectTcp({ host, port: Number(port || 80), noDelay: true });
  return connectTls({
    ...(tunnel === undefined ? { host, port: Number(port || 443) } : { host, socket: tunnel }),
    ...verifiedTls({ ...tls, servername: tls?.servername ?? host }),
    ALPNProtocols: ["h2"],
  }).setNoDelay(true);
}
