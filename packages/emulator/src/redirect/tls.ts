import http2 from "node:http2";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import tls from "node:tls";
import type { RedirectTargets } from "./environment.ts";
import { CCS_PORTS, HTTPS_PORT, isRedirectedHost } from "./hosts.ts";

type TlsOptions = tls.ConnectionOptions;
type SecureListener = () => void;

/** Options set by HTTP agents that are missing in Node's types. */
interface AgentOptions {
  readonly hostname?: unknown;
  readonly localAddress?: unknown;
  readonly localPort?: unknown;
  readonly family?: unknown;
  readonly hints?: unknown;
}

/** Target of a connection of the application. */
interface Wanted {
  readonly options: TlsOptions & AgentOptions;
  readonly listener: SecureListener | undefined;
}

/**
 * Redirects TLS connections of this process to Google's messaging hosts to the emulator, and verifies its certificate against its CA.
 *
 * Replaces `tls.connect` only: node:https, node:http2, every copy of undici, the built-in `fetch` and XMPP libraries use it.
 * SNI and host names of requests stay Google's, so that the emulator can route by them. Connections to other hosts, or to other ports
 * of these hosts, are unchanged.
 *
 * @returns a function that restores `tls.connect`.
 */
export function redirectTls(targets: RedirectTargets): () => void {
  const { connect: tlsConnect } = tls;
  const { connect: http2Connect } = http2;

  const redirected = (...args: unknown[]): tls.TLSSocket => {
    const wanted = readArguments(args);
    const options = wanted === undefined ? undefined : redirectedOptions(wanted.options, targets);
    if (wanted === undefined || options === undefined) return Reflect.apply(tlsConnect, tls, args) as tls.TLSSocket;
    return tlsConnect(options, wanted.listener);
  };
  const repaired = (...args: unknown[]): http2.ClientHttp2Session => {
    const session = Reflect.apply(http2Connect, http2, args) as http2.ClientHttp2Session;
    if (isRedirectedHost(authorityHost(args[0]))) repairScheme(session);
    return session;
  };

  tls.connect = redirected as typeof tls.connect;
  http2.connect = repaired as typeof http2.connect;
  // for `import { connect } from "node:tls"`
  syncBuiltinESMExports();
  return () => {
    if (tls.connect === (redirected as typeof tls.connect)) tls.connect = tlsConnect;
    if (http2.connect === (repaired as typeof http2.connect)) http2.connect = http2Connect;
    syncBuiltinESMExports();
  };
}

/** Returns options for the emulator, or `undefined` if the connection is not redirected. */
function redirectedOptions(options: Wanted["options"], targets: RedirectTargets): TlsOptions | undefined {
  // servername first: a custom resolver may have replaced the host by an address
  const name = [options.servername, options.host, options.hostname].find(isRedirectedHost);
  if (name === undefined) return undefined;
  const port = wantedPort(options);
  const target = port === HTTPS_PORT ? targets.https : CCS_PORTS.has(port) ? targets.ccs : undefined;
  if (target === undefined) return undefined;
  // a proxy tunnel or a socket to Google: the emulator is reached directly instead
  options.socket?.destroy();
  const {
    socket: _socket,
    path: _path,
    lookup: _lookup,
    localAddress: _localAddress,
    localPort: _localPort,
    family: _family,
    hints: _hints,
    secureContext: _secureContext, // holds the CAs that the application trusts
    pskCallback: _pskCallback,
    ...kept
  } = options;
  return {
    ...kept,
    host: target.host,
    port: target.port,
    servername: name.toLowerCase().replace(/\.$/, ""),
    ca: targets.ca(),
    // always verified: pinned certificates and disabled verification of the application do not apply
    rejectUnauthorized: true,
    checkServerIdentity: tls.checkServerIdentity,
  };
}

/** Reads the signatures of `tls.connect`: (options, listener?), (port, host?, options?, listener?). A path is not redirected. */
function readArguments(args: readonly unknown[]): Wanted | undefined {
  const last = args.at(-1);
  const listener = typeof last === "function" ? (last as SecureListener) : undefined;
  const [first, second, third] = args;
  if (isObject(first)) return { options: first, listener };
  const port = typeof first === "string" && /^\d+$/.test(first) ? Number(first) : first;
  if (typeof port !== "number") return undefined;
  const options = isObject(second) ? second : isObject(third) ? third : {};
  return { options: { port, ...(typeof second === "string" ? { host: second } : {}), ...options }, listener };
}

/**
 * Returns the port at Google. A socket opened beforehand may lead to a proxy, whose port is irrelevant, and proxy agents
 * omit the port: HTTPS in that case.
 */
function wantedPort({ port, socket }: TlsOptions): number {
  if (port !== undefined) return Number(port);
  const remotePort = socket instanceof Socket ? socket.remotePort : undefined;
  return remotePort !== undefined && CCS_PORTS.has(remotePort) ? remotePort : HTTPS_PORT;
}

function isObject(value: unknown): value is Wanted["options"] {
  return typeof value === "object" && value !== null;
}

function authorityHost(authority: unknown): unknown {
  // node:http2 accepts any object with these fields
  if (isObject(authority) && !(authority instanceof URL)) return authority.hostname ?? authority.host;
  try {
    return new URL(String(authority)).hostname;
  } catch {
    return undefined; // node:http2 has said what is wrong with it
  }
}

/**
 * firebase-admin writes the pseudo-header `:scheme` as `https:`, with a colon. Google's servers accept it; every server based on nghttp2
 * resets the stream (RFC 9113 section 8.3.1).
 */
function repairScheme(session: http2.ClientHttp2Session): void {
  const request = session.request.bind(session);
  session.request = (headers, options) => {
    if (headers?.[":scheme"] !== "https:") return request(headers, options);
    return request({ ...headers, ":scheme": "https" }, options);
  };
}
