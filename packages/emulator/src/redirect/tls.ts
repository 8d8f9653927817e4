import http2 from "node:http2";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import tls from "node:tls";
import type { RedirectTargets } from "./environment.ts";
import { CCS_PORTS, HTTPS_PORT, isRedirectedHost } from "./hosts.ts";

type TlsOptions = tls.ConnectionOptions;
type SecureListener = () => void;

/** What the HTTP agents leave in the options, and Node's types do not know. */
interface AgentOptions {
  readonly hostname?: unknown;
  readonly localAddress?: unknown;
  readonly localPort?: unknown;
  readonly family?: unknown;
  readonly hints?: unknown;
}

/** Where an application's connection would go. */
interface Wanted {
  readonly options: TlsOptions & AgentOptions;
  readonly listener: SecureListener | undefined;
}

/**
 * Sends what this process would send to Google's messaging hosts over TLS to the emulator, and verifies it against the emulator's CA.
 *
 * One seam is enough: node:https, node:http2, undici in every copy, the built-in `fetch` and XMPP libraries all end in `tls.connect`.
 * The name in the handshake and in the request stays Google's, so that the emulator can tell the hosts apart. A connection to any
 * other host, or to another port of these hosts, is made as it was asked for.
 *
 * @returns A function that puts everything back.
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

/** The options for the emulator, or nothing when the connection is none of ours. */
function redirectedOptions(options: Wanted["options"], targets: RedirectTargets): TlsOptions | undefined {
  // the handshake's name first: a resolver of the application's own may have replaced the host by an address
  const name = [options.servername, options.host, options.hostname].find(isRedirectedHost);
  if (name === undefined) return undefined;
  const port = wantedPort(options);
  const target = port === HTTPS_PORT ? targets.https : CCS_PORTS.has(port) ? targets.ccs : undefined;
  if (target === undefined) return undefined;
  // a tunnel through a proxy, or a socket on its way to Google: the emulator is reached directly instead
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
    // verified whatever the application says: its pinned certificates are Google's, and its laxity is not needed
    rejectUnauthorized: true,
    checkServerIdentity: tls.checkServerIdentity,
  };
}

/** Reads the forms of `tls.connect`: (options, listener?), (port, host?, options?, listener?). A path is not for us. */
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
 * The port at Google's end. A socket that was opened beforehand may lead to a proxy, whose port says nothing, and agents for proxies
 * leave the port out: that is HTTPS then.
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
  // node:http2 takes any object that looks like an address
  if (isObject(authority) && !(authority instanceof URL)) return authority.hostname ?? authority.host;
  try {
    return new URL(String(authority)).hostname;
  } catch {
    return undefined; // node:http2 has said what is wrong with it
  }
}

/**
 * firebase-admin writes the pseudo-header `:scheme` as `https:`, colon included. Google's servers take it; every server on nghttp2
 * resets the stream (RFC 9113 section 8.3.1).
 */
function repairScheme(session: http2.ClientHttp2Session): void {
  const request = session.request.bind(session);
  session.request = (headers, options) => {
    if (headers?.[":scheme"] !== "https:") return request(headers, options);
    return request({ ...headers, ":scheme": "https" }, options);
  };
}
