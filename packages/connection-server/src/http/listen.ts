import { createServer, type Server } from "node:http";
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type ServerHttp2Session,
} from "node:http2";
import { ChurningSet } from "@cloud-messaging/core/transport";
import { ProxiedAddresses, type ProxyProtocolOptions } from "./proxied-addresses.ts";
import type { NodeRequest } from "./read-body.ts";
import type { HttpResponse } from "./route.ts";
import { SocketGuard } from "./socket-guard.ts";

/** Address and port to listen on. */
export interface HttpListenOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Certificate and private key, PEM: HTTPS with HTTP/1.1 and HTTP/2 by ALPN. @defaultValue plain HTTP/1.1 */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** PROXY protocol before TLS or HTTP. @defaultValue none */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined;
}

/** A server that listens. */
export interface HttpServer {
  readonly port: number;
  /**
   * Accepts no further connections; those there are end with the answer under way. Resolves when every request under way has been answered.
   */
  drain(): Promise<void>;
  /** Uses another certificate and key, PEM, for connections that come from now on. @throws the system's error if they do not fit. */
  setTls(tls: NonNullable<HttpListenOptions["tls"]>): void;
  /** Ends every connection. Every call returns the same promise. */
  close(): Promise<void>;
}

/** Time limit of an HTTP/2 session without requests. Implementation limit. Unit: milliseconds. */
const SESSION_TIMEOUT_MS = 75_000;

type Listener = (request: NodeRequest, response: HttpResponse) => void;

/** Takes the connections of a new server. */
type Accept = (server: Server | Http2SecureServer) => void;

/** Listens for HTTP, with time limits on handshakes, headers and bodies. */
export async function listenHttp(
  where: HttpListenOptions,
  handshakeTimeoutMs: number,
  onRequest: (request: NodeRequest, response: HttpResponse, remoteAddress: string | undefined) => void,
): Promise<HttpServer> {
  const limits: Limits = {
    // slow headers and slow bodies end here
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs * 3,
    connectionsCheckingInterval: Math.min(1000, handshakeTimeoutMs),
    keepAliveTimeout: 75_000,
  };
  const guard = new SocketGuard();
  const addresses = new ProxiedAddresses();
  const accept: Accept = (server) => {
    if (where.proxyProtocol !== undefined) addresses.expect(server, handshakeTimeoutMs, where.proxyProtocol);
    guard.watch(server);
  };
  const underWay = new ChurningSet<HttpResponse>();
  const sessions = new Set<ServerHttp2Session>();
  let whenIdle = (): void => {};
  let draining: Promise<void> | undefined;
  const listener: Listener = (request, response) => {
    underWay.add(response);
    if (draining !== undefined) endAfter(response);
    response.once("close", () => {
      underWay.delete(response);
      if (underWay.size === 0) whenIdle();
    });
    onRequest(request, response, addresses.of(request.socket));
  };
  const server =
    where.tls === undefined
      ? plainServer(listener, limits, guard, accept)
      : tlsServer(listener, where.tls, limits, guard, accept);
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
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
  let stopped: Promise<void> | undefined;
  const stopAccepting = (): Promise<void> => {
    stopped ??= new Promise((resolve) => server.close(() => resolve()));
    return stopped;
  };
  let closing: Promise<void> | undefined;
  return {
    port: typeof address === "object" && address !== null ? address.port : where.port,
    drain() {
      if (draining !== undefined) return draining;
      void stopAccepting();
      draining = new Promise((resolve) => {
        whenIdle = resolve;
        if (underWay.size === 0) resolve();
      });
      for (const session of sessions) session.close();
      for (const response of underWay) endAfter(response);
      return draining;
    },
    setTls(fresh) {
      if ("setSecureContext" in server) server.setSecureContext(fresh);
    },
    close() {
      closing ??= (async () => {
        guard.closeAll();
        await stopAccepting();
      })();
      return closing;
    },
  };
}

/** Has a connection that would be kept alive end with an answer: a client that goes on sending would keep a drain from its end. */
function endAfter(response: HttpResponse): void {
  if (response.req.httpVersionMajor === 1 && !response.headersSent) response.setHeader("connection", "close");
}

interface Limits {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly connectionsCheckingInterval: number;
  readonly keepAliveTimeout: number;
}

function plainServer(onRequest: Listener, limits: Limits, guard: SocketGuard, accept: Accept): Server {
  const server = createServer(limits);
  // a client that has nothing more to send may still read
  Object.assign(server, { httpAllowHalfOpen: true });
  accept(server);
  server.on("request", (request, response) => {
    guard.proven(request.socket);
    onRequest(request, response);
  });
  return server;
}

function tlsServer(
  onRequest: Listener,
  tls: NonNullable<HttpListenOptions["tls"]>,
  limits: Limits,
  guard: SocketGuard,
  accept: Accept,
): Http2SecureServer {
  const server = createSecureServer({ ...tls, allowHTTP1: true, handshakeTimeout: limits.headersTimeout });
  // Node's HTTP/2 server sets its own limits for HTTP/1.1 clients, whatever its options say
  Object.assign(server, limits);
  accept(server);
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
  server.on("request", (request, response) => {
    if (request.httpVersionMajor === 2) limitBody(request, limits.requestTimeout);
    onRequest(request, response);
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
