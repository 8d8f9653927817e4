import type { IncomingHttpHeaders } from "node:http";
import type { Clock, ErrorCode, TlsOptions } from "@cloud-messaging/core";
import { type ConnectionFailureCode, describeError, type MonotonicInstant } from "@cloud-messaging/core/transport";

/** Options of an HTTP client of one origin. */
export interface HttpClientOptions {
  readonly origin: string;
  /** Name of the transport, for events and warnings. */
  readonly transport: string;
  /** Maximum number of connections, and of requests in flight. */
  readonly maxConnections: number;
  /** Time limit from being assigned to a connection, open or still opening, to the end of the answer. Unit: milliseconds. */
  readonly timeoutMs: number;
  /** Idle time-out of a connection; a shorter one named by the server takes precedence. Unit: milliseconds. */
  readonly idleTimeoutMs: number;
  /** Maximum size of an answer; a longer one is cut off. Unit: bytes. */
  readonly maxResponseBytes: number;
  /** Longest wait of `close()` for requests in flight. Unit: milliseconds. */
  readonly closeTimeoutMs: number;
  readonly tls?: TlsOptions | undefined;
  /** URL of an HTTP proxy; `false`: none, whatever the environment says; left out: as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
  readonly proxy?: string | false | undefined;
  /**
   * Returns true for an answer that reports overload; concurrency is reduced then.
   * @defaultValue status 429 or 503
   */
  readonly isOverload?: ((status: number, body: string) => boolean) | undefined;
  readonly clock?: Clock | undefined;
}

/** Longest time for making a connection; undici's default. Unit: milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Part of the body of an error answer that is kept; the rest is received and dropped. Implementation limit: far more than any error holds, and a page of
 * four megabytes costs little more than its transfer. Unit: bytes.
 */
export const MAX_ERROR_BYTES = 64 * 1024;

/** True if a chunk of an answer's body is dropped: what precedes it is all that is read of an error. */
export function isPastError(status: number, bytesBefore: number): boolean {
  return status >= 300 && bytesBefore > MAX_ERROR_BYTES;
}

/** The default of `isOverload`. */
export function isOverloadStatus(status: number): boolean {
  return status === 429 || status === 503;
}

/** Text, or bytes. */
export type HttpBody = string | Buffer;

/** One request. */
export interface HttpRequest {
  readonly method: "POST" | "GET" | "DELETE" | "PATCH";
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** A function encodes the body at the moment of writing, and returns `undefined` when there is nothing left to send (`expired`). */
  readonly body?: HttpBody | (() => HttpBody | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Latest end, if earlier than `timeoutMs`. */
  readonly deadline?: MonotonicInstant | undefined;
}

/** Reason for a missing or incomplete answer. */
export type HttpFailureCode = Extract<
  ErrorCode,
  | ConnectionFailureCode
  | "connection-lost"
  | "timeout"
  | "aborted"
  | "closed"
  | "expired"
  | "invalid-argument"
  | "invalid-response"
>;

/**
 * Takes the body of a request as it is now; `null` for a request without one. Ends the exchange and returns `undefined` where nothing is left
 * to send (`expired`), or where the body cannot be encoded (`invalid-argument`).
 */
export function takeBody(
  { body }: HttpRequest,
  exchange: { end(code: HttpFailureCode, detail: string): void },
): HttpBody | null | undefined {
  if (typeof body !== "function") return body ?? null;
  try {
    const taken = body();
    if (taken === undefined) exchange.end("expired", "there was nothing to send any more when a connection was there");
    return taken;
  } catch (error) {
    exchange.end("invalid-argument", `the message cannot be encoded: ${describeError(error)}`);
    return undefined;
  }
}

/** The service answered. */
export interface HttpAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** UTF-8; as far as it came. */
  readonly body: string;
  /** Reason for an incomplete body. */
  readonly incomplete?: { readonly code: HttpFailureCode; readonly detail: string };
  /** Time at which it was handed to a connection. Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** The service did not answer. */
export interface HttpFailure {
  readonly kind: "failure";
  readonly code: HttpFailureCode;
  /** Text for people. Holds no header and no body. */
  readonly detail: string;
  /** `false` proves that no byte of the request was sent, or that the far end does not speak HTTP. */
  readonly written: boolean;
  /** Absent when it was never handed to a connection. */
  readonly sentAt?: number;
}

/** Result of a request. */
export type HttpResult = HttpAnswer | HttpFailure;

/** Makes requests to one origin over persistent connections. Never sends a request twice. */
export interface HttpClient {
  /** Makes the request once. Never rejects. */
  request(request: HttpRequest): Promise<HttpResult>;
  /** Requests that have no result yet. */
  readonly pending: number;
  /** Current limit on requests in flight: lower than `maxConnections` while the service reports overload. */
  readonly concurrency: number;
  /** Refuses new requests, waits for those in flight, ends the rest and frees the sockets. Every call returns the same promise. */
  close(): Promise<void>;
}
