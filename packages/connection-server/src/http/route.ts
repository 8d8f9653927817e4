import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";

/** Largest body accepted unless a route says otherwise: about the limit of the service's front end. Unit: bytes. */
export const MAX_BODY_BYTES = 1_048_576;

/** A request before its body is read. */
export interface HttpRequestHead {
  readonly method: string;
  /** Path without the query, as it was sent. */
  readonly path: string;
  /** Decoded values of the route's named segments. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Name of the host asked, lower case, without a port; empty when the client did not say. */
  readonly host: string;
  /** Scheme, host and port asked; `undefined` when the client did not say. */
  readonly origin: string | undefined;
  readonly http2: boolean;
  /** IP address of the client; `undefined` if its connection has ended. */
  readonly remoteAddress: string | undefined;
  /** Values that `before` leaves for `handle`. */
  readonly locals: Map<unknown, unknown>;
}

/** A request with its body, read as UTF-8. */
export interface HttpRequest extends HttpRequestHead {
  readonly body: string;
}

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  /** @defaultValue `application/json; charset=UTF-8` */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Node's response of either HTTP version. */
export type HttpResponse = ServerResponse | Http2ServerResponse;

/** An answer that writes itself: a stream of events, or one that is no good HTTP. */
export interface RawAnswer {
  /** Status to report; `0` for none. */
  readonly status: number;
  readonly respond: (response: HttpResponse) => void;
}

/** Methods that a route can have. */
export type HttpMethod = "GET" | "POST" | "DELETE" | "PATCH" | "PUT";

/** One method of one path. */
export interface HttpRoute {
  readonly method: HttpMethod;
  /** `/iid/info/:token`: a segment that begins with a colon is a parameter. A colon that is itself meant is written twice. */
  readonly path: string;
  /** Unit: bytes. @defaultValue {@link MAX_BODY_BYTES} */
  readonly maxBodyBytes?: number;
  /** Called before the body is read. An answer given here is final; `not-found` hides the route from this request. */
  readonly before?: (
    request: HttpRequestHead,
  ) => HttpAnswer | "not-found" | undefined | Promise<HttpAnswer | "not-found" | undefined>;
  readonly handle: (request: HttpRequest) => HttpAnswer | RawAnswer | Promise<HttpAnswer | RawAnswer>;
}

/** An answer in JSON. */
export function jsonAnswer(status: number, body: unknown): HttpAnswer {
  return { status, body: JSON.stringify(body) };
}
