import type { ClientRequest } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Clock, TlsOptions } from "@cloud-messaging/core";
import {
  type CancelTimer,
  type ConnectionFailure,
  type ConnectionFailureCode,
  connectionFailure,
  connectionFailureCode,
  describeError,
  elapsedMs,
  type MonotonicInstant,
  nextTurn,
  openTunnel,
  verifiedTls,
} from "@cloud-messaging/core/transport";
import {
  type Cancellable,
  type Http2Request,
  NOT_STARTED,
  nameOfCode,
  StreamExchange,
  type StreamHost,
} from "./http2-stream.ts";
import { TUNNEL_REQUESTS, targetOf } from "./proxy.ts";

/** Streams per connection while the server names no limit: the minimum that RFC 9113 recommends. */
const DEFAULT_MAX_STREAMS = 100;
/** Maximum number of streams per connection, whatever the server allows. Implementation limit, not part of the protocol. */
const MAX_STREAMS = 250;

/** Time without an answer to a ping after which other connections are preferred. Unit: milliseconds. */
const MAX_SILENT_MS = 1_000;

/** Error code of TLS if the server supports none of the offered protocols. */
const NO_COMMON_PROTOCOL = "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL";

/** Error codes of nghttp2 for a server that answers in another protocol. */
const PROTOCOL_ERRORS: ReadonlySet<string> = new Set(["ERR_HTTP2_ERROR", "ERR_HTTP2_SESSION_ERROR"]);

/** Options of one HTTP/2 connection. */
export interface Http2ConnectionOptions {
  readonly origin: string;
  readonly tls?: TlsOptions | undefined;
  /** HTTP proxy, used by CONNECT. */
  readonly proxy?: URL | undefined;
  readonly clock: Clock;
  /** Time limit of connecting, TLS and the server's first SETTINGS. Unit: milliseconds. */
  readonly connectTimeoutMs: number;
  /** Ping interval: time without a frame after which a ping is sent. Unit: milliseconds. */
  readonly pingAfterMs: number;
  /** Time limit of the answer to a ping. Unit: milliseconds. */
  readonly pingTimeoutMs: number;
}

/** Events of one connection, for its pool. */
export interface Http2ConnectionEvents {
  /** It can take a stream, or more of them than before. */
  onCapacity(): void;
  /** A ping has had no answer for a while: others are preferred. */
  onSilent(): void;
  /** It accepts no new streams; open ones may still complete. */
  onRetired(): void;
  /** It is closed. The failure is absent after an orderly end; `used`: it has carried a request. */
  onClosed(failure: ConnectionFailure | undefined, used: boolean): void;
}

/**
 * One HTTP/2 connection. It opens no more streams than the server's SETTINGS allow, so that none is queued inside nghttp2. After GOAWAY it
 * opens none, reports those above the last stream ID as refused, and lets the others finish. An idle connection does not keep the process
 * alive, and its end by the server is no error.
 */
export class Http2Connection implements StreamHost {
  readonly #options: Http2ConnectionOptions;
  readonly #events: Http2ConnectionEvents;
  #tunnel: ClientRequest | undefined;
  #session: ClientHttp2Session | undefined;
  #socket: Socket | undefined;
  #phase: "connecting" | "open" | "retired" | "closed" = "connecting";
  /** Current limit on streams: the server's, or less after it refused some. */
  #limit = 0;
  #allowed = DEFAULT_MAX_STREAMS;
  #streams = 0;
  #used = false;
  #succeeded = 0;
  #lastStreamId = Number.POSITIVE_INFINITY;
  #heardAt: MonotonicInstant;
  #reason: string | undefined;
  #code: ConnectionFailureCode = "connection-failed";
  /** State of the ping; while one is unanswered no new stream is opened. */
  #ping: "none" | "out" | "silent" = "none";
  #cancelTimer: CancelTimer | undefined;

  constructor(options: Http2ConnectionOptions, events: Http2ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#heardAt = options.clock.monotonic();
    if (options.proxy === undefined) this.#begin(openSocket(options));
    else this.#openThrough(options.proxy);
    this.#cancelTimer = options.clock.schedule(options.connectTimeoutMs, () =>
      this.destroy(`no answer within ${options.connectTimeoutMs} ms`),
    );
  }

  #openThrough(proxy: URL): void {
    const { origin, tls } = this.#options;
    this.#tunnel = openTunnel(TUNNEL_REQUESTS, { proxy, target: targetOf(origin), tls }, (error, socket) => {
      this.#tunnel = undefined;
      if (this.#phase === "closed") socket?.destroy();
      else if (socket !== null) this.#begin(openSocket(this.#options, socket));
      else {
        this.#fail(describeError(error), connectionFailureCode(error));
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
      if (other) this.#fail(noHttp2(origin), "wrong-protocol");
      else this.#fail(describeError(error), connectionFailureCode(error));
    });
    // a server that ignores ALPN does not speak HTTP/2
    socket.once("secureConnect", () => {
      if ((socket as TLSSocket).alpnProtocol !== "h2") this.destroy(noHttp2(origin), "wrong-protocol");
    });
    session.on("close", () => this.#onClose());
  }

  /** True while connecting: no stream may be opened yet. */
  get connecting(): boolean {
    return this.#phase === "connecting";
  }

  /** Number of streams that can be opened now. */
  get room(): number {
    return this.#phase === "open" && this.#ping === "none" ? Math.max(0, this.#limit - this.#streams) : 0;
  }

  /** True if capacity is likely soon: it is connecting, or a ping was sent recently. */
  get promising(): boolean {
    return this.#phase === "connecting" || (this.#phase === "open" && this.#ping === "out");
  }

  /** True after a silence so long that it has to be verified by a ping before use. */
  get quiet(): boolean {
    return elapsedMs(this.#options.clock, this.#heardAt) >= this.#options.pingAfterMs;
  }

  /** Reason for its end, if known. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Number of open streams. */
  get streams(): number {
    return this.#streams;
  }

  /** True once it has carried a request. */
  get used(): boolean {
    return this.#used;
  }

  /** Instant of the last frame received. */
  get heardAt(): MonotonicInstant {
    return this.#heardAt;
  }

  /** Opens a stream. Requires `room` above 0. */
  request(request: Http2Request): Cancellable {
    let stream: ClientHttp2Stream;
    try {
      if (this.#session === undefined) throw new Error("the connection is not open");
      stream =
        request.body === undefined
          ? this.#session.request(request.headers, { endStream: true })
          : this.#session.request(request.headers);
    } catch (error) {
      // the session is closing, or out of stream IDs: nothing was sent
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

  /** Accepts no further streams, lets open ones finish, then closes. */
  retire(): void {
    if (this.#phase !== "connecting" && this.#phase !== "open") return;
    this.#phase = "retired";
    this.#events.onRetired();
    if (this.#session?.closed === false) this.#session.close();
    if (this.#streams === 0) this.#hangUp();
  }

  /** Closes it with all its streams. */
  destroy(reason: string, code: ConnectionFailureCode = "connection-failed"): void {
    this.#fail(reason, code);
    this.#tunnel?.destroy();
    this.#session?.destroy();
    // a session that closes in order would wait for the server to close the socket
    this.#socket?.destroy();
    if (this.#session === undefined) this.#onClose();
  }

  /** Notes why it ends; the first reason counts. */
  #fail(reason: string, code: ConnectionFailureCode): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#code = code;
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
    const failure =
      this.#reason === undefined ? undefined : connectionFailure(this.#options.origin, this.#reason, this.#code);
    this.#events.onClosed(failure, this.#used);
  }

  /** True if the server says, by RST_STREAM or GOAWAY, that it has not processed the stream. */
  hasRefused(stream: ClientHttp2Stream): boolean {
    if (stream.id === undefined) return true;
    return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id > this.#lastStreamId;
  }

  /** Called when data arrives on one of its streams. */
  onHeard(): void {
    this.#heardAt = this.#options.clock.monotonic();
  }

  /** Called when one of its streams has closed. */
  onStreamOver(outcome: "answered" | "refused" | "lost" | "cancelled"): void {
    this.#streams--;
    if (outcome === "refused") {
      // the server accepts fewer than it announced; the limit is raised again one by one
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

  /** Closes the socket of a session that has ended, whatever the server does. */
  #hangUp(): void {
    nextTurn(() => this.#socket?.destroySoon());
  }

  #becomeBusy(): void {
    this.#session?.ref();
    this.#heardAt = this.#options.clock.monotonic();
    this.#watch(this.#options.pingAfterMs);
  }

  #becomeIdle(): void {
    // an unanswered ping keeps its time limit: a connection that does not answer must not be used again
    if (this.#ping === "none") {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
    }
    if (this.#session?.destroyed === false) this.#session.unref();
  }

  /** Detects a connection that died silently (a router dropped it). */
  #watch(delayMs: number): void {
    const { clock, pingAfterMs } = this.#options;
    this.#cancelTimer = clock.schedule(delayMs, () => {
      const quietMs = elapsedMs(clock, this.#heardAt);
      if (quietMs < pingAfterMs) this.#watch(pingAfterMs - quietMs);
      else this.verify();
    });
  }

  /** Sends a ping and opens no stream until it is answered; destroys the connection if it is not. */
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
        // the answer to the ping may be queued behind a long answer to a request
        if (this.#heardAt > sentAt) this.#onAlive();
        else this.destroy(`the connection is dead: no answer to a ping within ${pingTimeoutMs} ms`);
      });
    });
    this.#session?.ping((error) => {
      // an error means that the session is being destroyed, which is reported separately
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

/** Opens the socket of the session, owned here so that it can be destroyed in any state of the session. */
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
