import type { IncomingHttpHeaders } from "node:http";
import type { NodeRequest } from "./read-body.ts";
import type { HttpRequest } from "./route.ts";

/** Parts of a request that were read to find its route. */
export interface RequestParts {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** Query without its question mark. */
  readonly query: string;
  readonly params: HttpRequest["params"];
  readonly remoteAddress: string | undefined;
}

/** A request as routes see it; parts that few of them ask for are read when they do. */
export class AppRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly params: HttpRequest["params"];
  readonly remoteAddress: string | undefined;
  readonly locals = new Map<unknown, unknown>();
  /** Empty until it has been read. */
  body = "";
  readonly #request: NodeRequest;
  readonly #query: string;

  constructor(request: NodeRequest, { method, path, query, params, remoteAddress }: RequestParts) {
    this.method = method;
    this.path = path;
    this.params = params;
    this.remoteAddress = remoteAddress;
    this.#request = request;
    this.#query = query;
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#query);
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  get http2(): boolean {
    return this.#request.httpVersionMajor === 2;
  }

  get host(): string {
    const { headers, socket } = this.#request;
    const authority = headers[":authority"] ?? headers.host;
    const named = typeof authority === "string" ? authority : "";
    const host = named.startsWith("[") ? named.slice(1, named.indexOf("]")) : named.replace(/:\d+$/, "");
    // the root's dot means nothing
    if (host !== "") return host.toLowerCase().replace(/\.$/, "");
    const { servername } = socket as { servername?: string | false };
    return typeof servername === "string" ? servername.toLowerCase() : "";
  }

  get origin(): string | undefined {
    const { headers, socket } = this.#request;
    const authority = headers[":authority"] ?? headers.host;
    const scheme = (socket as { encrypted?: boolean }).encrypted === true ? "https" : "http";
    const url = `${scheme}://${String(authority ?? "")}`;
    return URL.canParse(url) ? new URL(url).origin : undefined;
  }
}
