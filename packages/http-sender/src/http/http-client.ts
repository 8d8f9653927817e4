import type { IncomingHttpHeaders } from "node:http";
import type { Clock, ErrorCode, MonotonicInstant, TlsOptions } from "@cloud-messaging/core";

/** How requests are made to one origin. */
export interface HttpClientOptions {
  readonly origin: string;
  /** Most connections, and requests under way. */
  readonly maxConnections: number;
  /** Longest time from being handed to a connection, made or not yet made, to the end of the answer. Unit: milliseconds. */
  readonly timeoutMs: number;
  /** How long an unused connection is kept; a shorter time that the server names goes first. Unit: milliseconds. */
  readonly idleTimeoutMs: number;
  /** A longer answer is cut off. Unit: bytes. */
  readonly maxResponseBytes: number;
  /** `close()` waits so long for what is under way. Unit: milliseconds. */
  readonly closeTimeoutMs: number;
  readonly tls?: TlsOptions | undefined;
  /** URL of an HTTP proxy; `false`: none, whatever the environment says; left out: as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
  readonly proxy?: string | false | undefined;
  /**
   * Tells whether an answer says that the service has too much to do, so that fewer requests are made at once.
   * @defaultValue status 429 or 503
   */
  readonly isOverload?: ((status: number, body: string) => boolean) | undefined;
  readonly clock?: Clock | undefined;
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
  /** A function writes the body when the request goes out, and gives `undefined` when there is nothing to send any more (`expired`). */
  readonly body?: HttpBody | (() => HttpBody | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Over by then, if that is before `timeoutMs` has passed. */
  readonly deadline?: MonotonicInstant | undefined;
}

/** Why there is no answer, or not a whole one. */
export type HttpFailureCode = Extract<
  ErrorCode,
  "connection-failed" | "connection-lost" | "timeout" | "aborted" | "closed" | "expired" | "invalid-response"
>;

/** The service answered. */
export interface HttpAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** UTF-8; as far as it came. */
  readonly body: string;
  /** Set where the body is not whole: why, and in words. */
  readonly incomplete?: { readonly code: HttpFailureCode; readonly detail: string };
  /** When it was handed to a connection. Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** The service did not answer. */
export interface HttpFailure {
  readonly kind: "failure";
  readonly code: HttpFailureCode;
  /** In words, for people. Holds no header and no body. */
  readonly detail: string;
  /** `false` is a proof: not a byte of the request left. */
  readonly written: boolean;
  /** Absent when it was never handed to a connection. */
  readonly sentAt?: number;
}

/** What became of a request. */
export type HttpResult = HttpAnswer | HttpFailure;

/** Makes requests to one origin over kept connections. Never sends a request twice. */
export interface HttpClient {
  /** Makes the request once. Never rejects. */
  request(request: HttpRequest): Promise<HttpResult>;
  /** Requests that have no result yet. */
  readonly pending: number;
  /** Requests that may be under way now: fewer than `maxConnections` while the service says it is overloaded. */
  readonly concurrency: number;
  /** Refuses new requests, waits for those under way, ends what is left and frees the sockets. Every call returns the same promise. */
  close(): Promise<void>;
}
