import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { clearImmediate, setImmediate } from "node:timers";
import { connect, type TLSSocket } from "node:tls";
import type { TlsOptions } from "@cloud-messaging/core";
import { verifiedTls } from "@cloud-messaging/core/transport";
import { openTunnel } from "../connection/proxy-tunnel.ts";

/** Connection target and trust settings. */
export interface TextStreamTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsOptions | undefined;
  /** http: or https: URL of the proxy to go through; `undefined`: none. */
  readonly proxy: string | undefined;
}

/** What happens on the stream. */
export interface TextStreamEvents {
  /** TLS is up and the certificate was found good. */
  secured(): void;
  /** The TCP connection is there, TLS is not yet. */
  connected(): void;
  text(text: string): void;
  /** Room to write again after `congested`. */
  drained(): void;
  /** The last event. `error` when something other than an orderly end was the cause. */
  closed(error: Error | undefined): void;
}

/** Written text that may wait in this process before the stream calls itself congested. Unit: bytes. */
const CONGESTED_BYTES = 262_144;

/**
 * A TLS connection that carries text: decodes UTF-8 across chunks, puts everything written in one turn of the event loop into one
 * write, and says when the other side does not keep up.
 */
export class TextStream {
  readonly #events: TextStreamEvents;
  /** Absent until a proxy has made the connection. */
  #socket: TLSSocket | undefined;
  /** Calls off what a proxy was asked for. */
  #callOff: (() => void) | undefined;
  readonly #decoder = new StringDecoder("utf8");
  /** What is written with the next flush. An array: text added to text would keep each piece alive for the garbage collector. */
  #outgoing: string[] = [];
  #outgoingChars = 0;
  #flush: NodeJS.Immediate | undefined;
  #batch = 0;
  #error: Error | undefined;
  #ended = false;

  constructor(target: TextStreamTarget, events: TextStreamEvents) {
    this.#events = events;
    const { proxy, host, port, tls } = target;
    const secure = verifiedTls({ ...tls, servername: tls?.servername ?? host });
    if (proxy === undefined) {
      const socket = connect({ host, port, ...secure });
      socket.on("connect", () => events.connected());
      this.#take(socket, socket);
    } else {
      this.#callOff = openTunnel(
        { proxy, host, port, tls },
        (tunnel) => {
          events.connected();
          this.#take(connect({ host, socket: tunnel, ...secure }), tunnel);
        },
        (error) => events.closed(error),
      );
    }
  }

  /** @param below What carries the TLS connection: itself, or the connection that a proxy made. */
  #take(socket: TLSSocket, below: Socket): void {
    const events = this.#events;
    this.#socket = socket;
    below.setNoDelay(true);
    below.setKeepAlive(true);
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

  /** Number of the write that takes what is written now. */
  get batch(): number {
    return this.#batch;
  }

  /** More is waiting than should be: hold back what can wait until `drained`. */
  get congested(): boolean {
    const socket = this.#socket;
    return socket?.writableNeedDrain === true && socket.writableLength + this.#outgoingChars > CONGESTED_BYTES;
  }

  /** Writes with everything else that is written before the event loop turns. */
  write(text: string): void {
    if (this.#ended) return;
    this.#outgoing.push(text);
    this.#outgoingChars += text.length;
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      this.flush();
    });
  }

  /** Writes what is waiting, now. */
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

  /** Writes what is waiting and ends our side; reading goes on. */
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

  /** Ends both sides at once. `closed` follows. */
  destroy(): void {
    const first = !this.#ended;
    this.#ended = true;
    this.#cancelFlush();
    if (this.#socket !== undefined) this.#socket.destroy();
    else if (first) {
      this.#callOff?.();
      setImmediate(() => this.#events.closed(undefined));
    }
  }

  #cancelFlush(): void {
    if (this.#flush === undefined) return;
    clearImmediate(this.#flush);
    this.#flush = undefined;
  }
}
