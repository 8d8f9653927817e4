import { type ClientRequest, request as http } from "node:http";
import { request as https } from "node:https";
import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { connect, type TLSSocket } from "node:tls";
import type { TlsOptions } from "@cloud-messaging/core";
import { authorityOf, type CancelTurn, nextTurn, openTunnel, verifiedTls } from "@cloud-messaging/core/transport";

/** Connection target and trust settings. */
export interface TextStreamTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsOptions | undefined;
  /** http: or https: URL of the proxy; `undefined` for none. */
  readonly proxy: string | undefined;
}

/** Events of a text stream. */
export interface TextStreamEvents {
  /** The TLS handshake is complete and the certificate verified. */
  secured(): void;
  /** The TCP connection is established; the TLS handshake follows. */
  connected(): void;
  text(text: string): void;
  /** Congestion has ended. */
  drained(): void;
  /** Last event: the socket is closed. `error` is absent after an orderly end. */
  closed(error: Error | undefined): void;
}

/** Amount of unsent text above which the stream is congested. Unit: bytes. */
const CONGESTED_BYTES = 262_144;

/**
 * TLS connection that carries UTF-8 text. Batches all text of one turn of the event loop into one write, decodes characters across chunks, and
 * reports backpressure.
 */
export class TextStream {
  readonly #events: TextStreamEvents;
  /** Absent until the tunnel through the proxy is open. */
  #socket: TLSSocket | undefined;
  /** Cancels the attempt to open a tunnel. */
  #tunnel: ClientRequest | undefined;
  readonly #decoder = new StringDecoder("utf8");
  /** Text of the next flush. An array, since concatenated strings would keep every piece alive until flattened. */
  #outgoing: string[] = [];
  #outgoingChars = 0;
  #flush: CancelTurn | undefined;
  #batch = 0;
  #error: Error | undefined;
  #ended = false;

  constructor(target: TextStreamTarget, events: TextStreamEvents) {
    this.#events = events;
    const { proxy, host, tls } = target;
    const secure = verifiedTls({ ...tls, servername: tls?.servername ?? host });
    if (proxy === undefined) {
      const socket = connect({ host, port: target.port, ...secure });
      socket.on("connect", () => events.connected());
      this.#take(socket, socket);
    } else {
      const through = { proxy: new URL(proxy), target: authorityOf(target), tls };
      this.#tunnel = openTunnel({ http, https }, through, (error, tunnel) => {
        if (this.#ended) tunnel?.destroy();
        else if (tunnel === null) events.closed(error ?? undefined);
        else {
          events.connected();
          this.#take(connect({ host, socket: tunnel, ...secure }), tunnel);
        }
      });
    }
  }

  /** @param below What carries the TLS connection: itself, or the connection that a proxy made. */
  #take(socket: TLSSocket, below: Socket): void {
    const events = this.#events;
    this.#socket = socket;
    below.setNoDelay(true).setKeepAlive(true);
    socket.on("secureConnect", () => events.secured());
    socket.on("data", (chunk: Buffer) => {
      const text = this.#decoder.write(chunk);
      if (text !== "") events.text(text);
    });
    socket.on("drain", () => events.drained());
    const failed = (error: Error): void => {
      this.#error ??= error;
    };
    socket.on("error", failed);
    if (below !== socket) below.on("error", failed);
    socket.on("end", () => this.end());
    socket.on("close", () => {
      this.#cancelFlush();
      below.destroy();
      events.closed(this.#error);
    });
  }

  /** Number of the batch that text written now belongs to. */
  get batch(): number {
    return this.#batch;
  }

  /** True under backpressure, until `drained`. */
  get congested(): boolean {
    const socket = this.#socket;
    return socket?.writableNeedDrain === true && socket.writableLength + this.#outgoingChars > CONGESTED_BYTES;
  }

  /** Adds text to the batch of this turn of the event loop. */
  write(text: string): void {
    if (this.#ended) return;
    this.#outgoing.push(text);
    this.#outgoingChars += text.length;
    this.#flush ??= nextTurn(() => {
      this.#flush = undefined;
      this.flush();
    });
  }

  /** Writes the batch now. */
  flush(): void {
    this.#cancelFlush();
    if (this.#outgoing.length === 0 || this.#ended) return;
    const text = this.#outgoing.join("");
    this.#outgoing = [];
    this.#outgoingChars = 0;
    this.#batch++;
    this.#socket?.write(text, "utf8");
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Writes the batch and ends this side; reading continues. */
  end(): void {
    if (this.#ended) return;
    if (this.#socket === undefined) {
      this.destroy();
      return;
    }
    this.flush();
    this.#ended = true;
    this.#socket.end();
  }

  /** Closes the socket at once. `closed` follows. */
  destroy(): void {
    const first = !this.#ended;
    this.#ended = true;
    this.#cancelFlush();
    if (this.#socket !== undefined) this.#socket.destroy();
    else if (first) {
      this.#tunnel?.destroy();
      nextTurn(() => this.#events.closed(undefined));
    }
  }

  #cancelFlush(): void {
    if (this.#flush === undefined) return;
    this.#flush();
    this.#flush = undefined;
  }
}
