import type { ClientRequest } from "node:http";
import type { RequestOptions } from "node:https";
import type { Socket } from "node:net";
import { describeError } from "../outcome/describe-error.ts";
import { serviceText } from "../outcome/service-text.ts";
import { type TlsOptions, verifiedTls } from "./tls.ts";

/** `request` of `node:http` and of `node:https`: core opens no connection itself. */
export interface TunnelRequests {
  readonly http: (options: RequestOptions) => ClientRequest;
  readonly https: (options: RequestOptions) => ClientRequest;
}

/** Options of a tunnel. */
export interface TunnelOptions {
  /** `http:` or `https:` URL of the proxy. User name and password in it go into `Proxy-Authorization`. */
  readonly proxy: URL;
  /** `host:port` of the server; an IPv6 address in brackets. */
  readonly target: string;
  /** TLS settings of the server. All but `servername` also apply to an `https:` proxy. */
  readonly tls?: TlsOptions | undefined;
  /** Longest silence of the proxy; remains set on the connection. Unit: milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Opens a connection through an HTTP proxy by CONNECT (RFC 9110 9.3.6). TLS to the server is the caller's, end to end.
 *
 * @param onDone Called once, with the unread connection or with an error, which repeats no password of the proxy.
 * @returns the request for the connection. `destroy()` ends the attempt, as a failure; without effect once the connection is open.
 */
export function openTunnel(
  requests: TunnelRequests,
  { proxy, target, tls, timeoutMs }: TunnelOptions,
  onDone: (error: Error | null, socket: Socket | null) => void,
): ClientRequest {
  const secure = proxy.protocol === "https:";
  const host = proxy.hostname.replace(/^\[(.*)\]$/, "$1");
  const { headers, secrets } = authorizationOf(proxy);
  const request = (secure ? requests.https : requests.http)({
    method: "CONNECT",
    host,
    port: proxy.port === "" ? (secure ? 443 : 80) : proxy.port,
    path: target,
    headers: { host: target, ...headers },
    agent: false,
    timeout: timeoutMs,
    ...(secure ? verifiedTls({ ...tls, servername: host }) : {}),
  });
  request.once("connect", ({ statusCode = 0, statusMessage = "" }, socket, head) => {
    request.removeAllListeners("error");
    request.on("error", () => {});
    if (statusCode < 200 || statusCode > 299) {
      socket.destroy();
      const words = serviceText(`HTTP ${statusCode} ${statusMessage}`, secrets);
      onDone(new Error(`the proxy refused the connection: ${words}`), null);
      return;
    }
    if (head.length > 0) socket.unshift(head);
    onDone(null, (socket as Socket).setNoDelay(true).setKeepAlive(true, 60_000));
  });
  request.once("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  request.once("error", (cause) => {
    onDone(new Error(`the proxy made no connection: ${describeError(cause)}`, { cause }), null);
  });
  request.end();
  return request;
}

function authorizationOf({ username, password }: URL): { headers: Record<string, string>; secrets: string[] } {
  if (username === "" && password === "") return { headers: {}, secrets: [] };
  const secret = decodeURIComponent(password);
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${secret}`).toString("base64");
  return { headers: { "proxy-authorization": `Basic ${credentials}` }, secrets: [credentials, password, secret] };
}
