import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { constants, createSecureServer, type Http2SecureServer, type Http2ServerRequest } from "node:http2";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { LiveStreams } from "./inbox/live-streams.ts";
import { GOOGLE_HOSTS } from "./redirect/google-hosts.ts";
import { type KnownNames, refuseForeignPage } from "./servers/request-guard.ts";
import { type Spoiling, spoil } from "./servers/spoil.ts";
import { SocketGuard } from "./socket-guard.ts";

/** Largest body taken unless a route says otherwise: about what the service's front end took. Unit: bytes. */
export const MAX_BODY_BYTES = 1_048_576;

/** A request as the doors see it. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** What the path's named parts held, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Name of the host asked, lower case, without a port; empty when the client did not say. */
  readonly host: string;
  /** Scheme, host and port asked; `undefined` when the client did not say. */
  readonly origin: string | undefined;
  readonly http2: boolean;
}

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  /** Default `application/json; charset=UTF-8`. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Spoil it on the way. */
  readonly spoil?: Spoiling;
}

/** An answer without an end: text that is written as it comes, until the client or the server goes. */
export interface HttpStream {
  readonly stream: (write: (text: string) => void) => () => void;
  readonly contentType: string;
}

/** One thing a door answers to. */
export interface HttpRoute {
  readonly method: "GET" | "POST" | "DELETE" | "PATCH" | "PUT";
  /** `/iid/info/:token`; a colon that is itself meant is written twice. */
  readonly path: string;
  /**
   * The Google hosts it stands for. A request that names another Google host does not reach it; any other name does. None: it is not
   * part of the service but of the emulator, and its answers are not reported.
   */
  readonly hosts: readonly string[];
  /** File without secrets, which any page may load: a browser names an origin even for the page's own modules. */
  readonly publicFile?: true;
  /** Unit: bytes. */
  readonly maxBodyBytes?: number;
  /** Looked at before the body is read: an answer here is the answer. */
  readonly before?: (request: Omit<HttpRequest, "body">) => HttpAnswer | undefined;
  readonly handle: (request: HttpRequest) => HttpAnswer | HttpStream | Promise<HttpAnswer | HttpStream>;
}

/** What holds for every port. */
export interface HttpAppOptions {
  /** How long a client may take over its handshake, its headers, and (three times as long) its whole request. Unit: milliseconds. */
  readonly patienceMs: number;
  readonly onAnswer: (method: string, path: string, status: number) => void;
  /** By which names it may be asked. */
  readonly names: KnownNames;
}

/** Where and how to listen. */
export interface HttpListenOptions {
  readonly host: string;
  readonly port: number;
  /** Over TLS, with HTTP/1.1 and HTTP/2 by ALPN. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A server that listens. */
export interface HttpServer {
  readonly port: number;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** The routes, ready to be served on any number of ports. */
export interface HttpApp {
  /** Rejects with the system's error when the port cannot be had. */
  listen(options: HttpListenOptions): Promise<HttpServer>;
  /** Ends every stream. The servers end by themselves. */
  close(): void;
}

/** An HTTP/2 session without any request ends after so long. Ours. Unit: milliseconds. */
const SESSION_TIMEOUT_MS = 75_000;

/** Makes the routes ready. One set of them serves every port: making it is most of what a start costs. */
export async function createHttpApp(routes: readonly HttpRoute[], options: HttpAppOptions): Promise<HttpApp> {
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    // a HEAD of the live events would be a listener that never hears anything
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 8192, ignoreDuplicateSlashes: false },
    logger: false,
  });
  const streams = new LiveStreams();
  install(app, routes, options, streams);
  await app.ready();
  return {
    listen: (where) => listen(app, where, options.patienceMs),
    // the app itself holds nothing: its servers are ours, and its own close() goes by the global nextTick, which fake timers replace
    close: () => streams.endAll(),
  };
}

async function listen(app: FastifyInstance, where: HttpListenOptions, patienceMs: number): Promise<HttpServer> {
  const limits = {
    // slow headers and slow bodies end here
    headersTimeout: patienceMs,
    requestTimeout: patienceMs * 3,
    connectionsCheckingInterval: Math.min(1000, patienceMs),
    keepAliveTimeout: 75_000,
  };
  const guard = new SocketGuard();
  const server = where.tls === undefined ? plainServer(app, limits, guard) : tlsServer(app, where.tls, limits, guard);
  server.on("clientError", (_error: Error, socket: { destroy(): void }) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: where.host, port: where.port, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    });
  });
  const address = server.address();
  let closing: Promise<void> | undefined;
  return {
    port: typeof address === "object" && address !== null ? address.port : where.port,
    close() {
      closing ??= new Promise((resolve) => {
        guard.closeAll();
        server.close(() => resolve());
      });
      return closing;
    },
  };
}

interface Limits {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly connectionsCheckingInterval: number;
  readonly keepAliveTimeout: number;
}

function plainServer(app: FastifyInstance, limits: Limits, guard: SocketGuard): Server {
  const server = createServer(limits);
  guard.watch(server);
  server.on("request", (request, response) => {
    guard.proven(request.socket);
    app.routing(request, response);
  });
  return server;
}

function tlsServer(
  app: FastifyInstance,
  tls: NonNullable<HttpListenOptions["tls"]>,
  limits: Limits,
  guard: SocketGuard,
): Http2SecureServer {
  const server = createSecureServer({ ...tls, allowHTTP1: true, handshakeTimeout: limits.headersTimeout });
  // Node's HTTP/2 server sets its own limits for HTTP/1.1 clients, whatever its options say
  Object.assign(server, limits);
  guard.watch(server);
  server.on("secureConnection", (socket) => {
    guard.proven(socket);
    socket.on("error", () => {});
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("session", (session) => {
    session.setTimeout(SESSION_TIMEOUT_MS, () => session.close());
    session.on("error", () => {});
  });
  server.on("sessionError", () => {});
  // the compatibility layer's request and response are what the router takes
  server.on("request", (request, response) => {
    if (request.httpVersionMajor === 2) limitBody(request, limits.requestTimeout);
    app.routing(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  });
  return server;
}

/** Node's time limit for whole requests is for HTTP/1.1 alone: a stream whose body does not end in time is reset. */
function limitBody(request: Http2ServerRequest, timeoutMs: number): void {
  const { stream } = request;
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), timeoutMs).unref();
  const done = (): void => clearTimeout(timer);
  request.once("end", done);
  stream.once("close", done);
}

/** Tells that a request was answered. */
type Report = (request: FastifyRequest, status: number) => void;

function install(
  app: FastifyInstance,
  routes: readonly HttpRoute[],
  options: HttpAppOptions,
  streams: LiveStreams,
): void {
  const { onAnswer } = options;
  app.removeAllContentTypeParsers();
  // any type, and none: what a body means is for the door to say
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
    const status = error.statusCode ?? 500;
    onAnswer(request.method, pathOf(request), status);
    void reply
      .code(status)
      .header("content-type", "text/plain; charset=UTF-8")
      .send(status === 413 ? "Request Entity Too Large\n" : `${error.message}\n`);
  });
  app.setNotFoundHandler((request, reply) => {
    onAnswer(request.method, pathOf(request), 404);
    void reply
      .code(404)
      .header("content-type", "text/html; charset=UTF-8")
      .send(`<html><title>Error 404 (Not Found)</title><body>404. Not Found</body></html>\n`);
  });
  for (const route of routes) {
    const report: Report =
      route.hosts.length === 0 ? () => {} : (request, status) => onAnswer(request.method, pathOf(request), status);
    app.route({
      method: route.method,
      url: route.path,
      bodyLimit: route.maxBodyBytes ?? MAX_BODY_BYTES,
      onRequest: (request, reply, done) => {
        takeAnyType(request);
        const seen = read(request);
        // the early answers end here; the body, if any, is never looked at
        if (GOOGLE_HOSTS.includes(seen.host) && !route.hosts.includes(seen.host)) {
          reply.callNotFound();
          return;
        }
        const named = route.publicFile === undefined ? seen : { ...seen, headers: {} };
        const answer = refuseForeignPage(named, route.hosts, options.names) ?? route.before?.(seen);
        if (answer === undefined) return done();
        void write(answer, request, reply, report);
      },
      handler: async (request, reply) => {
        const body = typeof request.body === "string" ? request.body : "";
        const answer = await route.handle({ ...read(request), body });
        if (!("stream" in answer)) return write(answer, request, reply, report);
        reply.hijack();
        report(request, 200);
        streams.start(answer, reply.raw as ServerResponse);
        return reply;
      },
    });
  }
}

async function write(
  answer: HttpAnswer,
  request: FastifyRequest,
  reply: FastifyReply,
  report: Report,
): Promise<FastifyReply> {
  if (answer.spoil !== undefined) {
    reply.hijack();
    report(request, 0);
    spoil(reply.raw as ServerResponse, answer.spoil, answer);
    return reply;
  }
  report(request, answer.status);
  reply.code(answer.status).header("content-type", answer.contentType ?? "application/json; charset=UTF-8");
  if (answer.headers !== undefined) reply.headers(answer.headers);
  return reply.send(answer.body ?? "");
}

/** Content types that the framework would not read a body under, as they came: what they mean is for the door to say. */
const odd = new WeakMap<FastifyRequest, { readonly type: string | undefined }>();
const PLAIN_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;\s*[\w-]+=[\w.-]+\s*)?$/;

/** Without a type the framework takes a body for absent unless its length is announced, which HTTP/2 does not ask for. */
function takeAnyType(request: FastifyRequest): void {
  const type = request.raw.headers["content-type"];
  if (type === undefined ? request.method === "GET" : PLAIN_TYPE.test(type)) return;
  odd.set(request, { type });
  request.raw.headers["content-type"] = "application/octet-stream";
}

function read(request: FastifyRequest): Omit<HttpRequest, "body"> {
  const { url } = request;
  const came = odd.get(request);
  const mark = url.indexOf("?");
  return {
    method: request.method,
    path: mark === -1 ? url : url.slice(0, mark),
    params: request.params as Record<string, string>,
    query: new URLSearchParams(mark === -1 ? "" : url.slice(mark + 1)),
    headers: came === undefined ? request.headers : withType(request.headers, came.type),
    host: hostOf(request),
    origin: originOf(request),
    http2: request.raw.httpVersionMajor === 2,
  };
}

function withType(headers: IncomingHttpHeaders, type: string | undefined): IncomingHttpHeaders {
  const { "content-type": _replaced, ...others } = headers;
  return type === undefined ? others : { ...others, "content-type": type };
}

function hostOf(request: FastifyRequest): string {
  const { headers, raw } = request;
  const authority = headers[":authority"] ?? headers.host;
  const named = typeof authority === "string" ? authority : "";
  const host = named.startsWith("[") ? named.slice(1, named.indexOf("]")) : named.replace(/:\d+$/, "");
  if (host !== "") return host.toLowerCase();
  const { servername } = raw.socket as { servername?: string | false };
  return typeof servername === "string" ? servername.toLowerCase() : "";
}

function originOf({ headers, raw }: FastifyRequest): string | undefined {
  const authority = headers[":authority"] ?? headers.host;
  const scheme = (raw.socket as { encrypted?: boolean }).encrypted === true ? "https" : "http";
  const url = `${scheme}://${String(authority ?? "")}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] as string;
}
