import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { describeError } from "@cloud-messaging/core/transport";
import { isPastError } from "./http-client.ts";

/** Request on a connection, with its callbacks. One of `onAnswer`, `onRefused` and `onLost` is called, once. */
export interface Http2Request {
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Buffer | undefined;
  readonly maxResponseBytes: number;
  onAnswer(status: number, headers: IncomingHttpHeaders, body: Buffer, problem: AnswerProblem | undefined): void;
  /** It is proven that the server has not processed it and will not: it can go elsewhere. */
  onRefused(reason: string): void;
  /** It was written, and no answer will come. */
  onLost(reason: string): void;
}

/** Reason for an incomplete answer. */
export interface AnswerProblem {
  readonly code: "connection-lost" | "invalid-response";
  readonly detail: string;
}

/** Interface of a connection to its streams. */
export interface StreamHost {
  /** Reason for its end, if known. */
  readonly reason: string | undefined;
  /** Something came on one of its streams. */
  onHeard(): void;
  /** The server says, or has said with its GOAWAY, that it has not processed the stream. */
  hasRefused(stream: ClientHttp2Stream): boolean;
  /** The stream has closed. */
  onStreamOver(outcome: "answered" | "refused" | "lost" | "cancelled"): void;
}

/** A request under way. */
export interface Cancellable {
  /** Ends the stream; no callback is called after that. */
  cancel(): void;
}
/** Of a request whose stream could not be opened. */
export const NOT_STARTED: Cancellable = { cancel() {} };
const NOTHING = Buffer.alloc(0);

/** One stream: collects its answer, and says what became of it when it has closed. */
export class StreamExchange implements Cancellable {
  readonly #stream: ClientHttp2Stream;
  readonly #request: Http2Request;
  readonly #connection: StreamHost;
  #status = 0;
  #headers: IncomingHttpHeaders | undefined;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #bytes = 0;
  #problem: AnswerProblem | undefined;
  #error: string | undefined;
  #cancelled = false;

  constructor(stream: ClientHttp2Stream, request: Http2Request, connection: StreamHost) {
    this.#stream = stream;
    this.#request = request;
    this.#connection = connection;
    stream.on("response", (headers) => {
      connection.onHeard();
      this.#status = headers[":status"] ?? 0;
      this.#headers = headers;
    });
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // a reset comes as an error too, and its code says more
      if (error.code !== "ERR_HTTP2_STREAM_ERROR") this.#error ??= describeError(error);
    });
    // not before: a stream that was reset emits "end" too, and only now the reset can be told
    stream.on("close", () => this.#onClose());
  }

  cancel(): void {
    this.#cancelled = true;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onData(chunk: Buffer): void {
    const before = this.#bytes;
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#request.maxResponseBytes) {
      if (isPastError(this.#status, before)) return;
      if (this.#first === undefined) this.#first = chunk;
      else if (this.#more === undefined) this.#more = [this.#first, chunk];
      else this.#more.push(chunk);
      return;
    }
    this.#problem ??= {
      code: "invalid-response",
      detail: `the answer is longer than ${this.#request.maxResponseBytes} bytes`,
    };
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onClose(): void {
    const connection = this.#connection;
    if (this.#cancelled) {
      connection.onStreamOver("cancelled");
    } else if (this.#headers !== undefined) {
      connection.onStreamOver("answered");
      const body = this.#more === undefined ? (this.#first ?? NOTHING) : Buffer.concat(this.#more);
      this.#request.onAnswer(this.#status, this.#headers, body, this.#problem ?? this.#cutOff());
    } else if (connection.hasRefused(this.#stream)) {
      connection.onStreamOver("refused");
      this.#request.onRefused(connection.reason ?? "the server refused the stream");
    } else {
      connection.onStreamOver("lost");
      this.#request.onLost(this.#describeLoss());
    }
  }

  #cutOff(): AnswerProblem | undefined {
    const stated = this.#headers?.["content-length"];
    const short = stated !== undefined && Number(stated) !== this.#bytes;
    if (this.#stream.rstCode === constants.NGHTTP2_NO_ERROR && this.#error === undefined && !short) return undefined;
    return { code: "connection-lost", detail: `the answer was cut off: ${this.#describeLoss()}` };
  }

  #describeLoss(): string {
    const known = this.#connection.reason ?? this.#error;
    if (known !== undefined) return known;
    const code = this.#stream.rstCode ?? 0;
    return code === 0 ? "the connection ended" : `the stream was reset, ${nameOfCode(code)}`;
  }
}

const NAMES_OF_CODES = new Map(
  [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
  ].map((name, code) => [code, name]),
);

/** The name of an HTTP/2 error code. */
export function nameOfCode(code: number): string {
  return NAMES_OF_CODES.get(code) ?? `code ${code}`;
}
