import { type ClientRequest, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIPv6, type Socket } from "node:net";
import type { TlsOptions } from "@cloud-messaging/core";
import { describeError, verifiedTls } from "@cloud-messaging/core/transport";

/** Proxy, and target of the tunnel. */
export interface TunnelTarget {
  /** http: or https: URL of the proxy; user name and password in it go into `Proxy-Authorization`. */
  readonly proxy: string;
  readonly host: string;
  readonly port: number;
  /** TLS settings of the far end, of which those but `servername` also hold for a proxy reached over TLS. */
  readonly tls: TlsOptions | undefined;
}

/**
 * Opens a TCP tunnel through an HTTP proxy (`CONNECT`, RFC 9110 9.3.6).
 *
 * @param opened Called with the connection, unread.
 * @param failed Called if the proxy cannot be reached or refuses; never after `opened`.
 * @returns a function that cancels the attempt; neither callback is called then.
 */
export function openTunnel(
  target: TunnelTarget,
  opened: (socket: Socket) => void,
  failed: (error: Error) => void,
): () => void {
  let over = false;
  const request = connectRequest(target);
  request.once("connect", (response, socket, head) => {
    if (over) {
      socket.destroy();
      return;
    }
    over = true;
    const { statusCode = 0, statusMessage = "" } = response;
    if (statusCode < 200 || statusCode >= 300) {
      socket.destroy();
      failed(new Error(`the proxy refused the connection: HTTP ${statusCode} ${statusMessage}`.trimEnd()));
      return;
    }
    if (head.length > 0) socket.unshift(head);
    opened(socket as Socket);
  });
  request.on("error", (error) => {
    if (over) return;
    over = true;
    failed(new Error(`the proxy made no connection: ${describeError(error)}`, { cause: error }));
  });
  request.end();
  return () => {
    over = true;
    request.destroy();
  };
}

function connectRequest({ proxy, host, port, tls }: TunnelTarget): ClientRequest {
  const { protocol, hostname, port: proxyPort, username, password } = new URL(proxy);
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const proxyHost = hostname.replace(/^\[(.*)\]$/, "$1");
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const options = {
    host: proxyHost,
    method: "CONNECT",
    path: authority,
    agent: false,
    headers: {
      host: authority,
      ...(credentials === ":"
        ? {}
        : { "proxy-authorization": `Basic ${Buffer.from(credentials, "utf8").toString("base64")}` }),
    },
    ...(proxyPort === "" ? {} : { port: proxyPort }),
  };
  if (protocol === "http:") return httpRequest(options);
  return httpsRequest({
    ...options,
    ...verifiedTls({ ...tls, servername: proxyHost }),
  });
}
