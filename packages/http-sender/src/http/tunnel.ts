import { type ClientRequest, request as requestOverTcp } from "node:http";
import { request as requestOverTls } from "node:https";
import type { Socket } from "node:net";
import type { TlsOptions } from "@cloud-messaging/core";
import { describeError, verifiedTls } from "@cloud-messaging/core/transport";

/** Options of a tunnel. */
export interface TunnelOptions {
  readonly proxy: URL;
  /** `host:port` of the server. */
  readonly target: string;
  /** TLS settings of the server. All but `servername` also apply to an `https:` proxy. */
  readonly tls?: TlsOptions | undefined;
  /** Unit: milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Opens a connection through a proxy by CONNECT. TLS is end to end.
 *
 * @param onDone Called once, with the connection or with an error.
 */
export function openTunnel(
  { proxy, target, tls, timeoutMs }: TunnelOptions,
  onDone: (error: Error | null, socket: Socket | null) => void,
): ClientRequest {
  const secure = proxy.protocol === "https:";
  const host = proxy.hostname.replace(/^\[(.*)\]$/, "$1");
  const connecting = (secure ? requestOverTls : requestOverTcp)({
    method: "CONNECT",
    host,
    port: proxy.port === "" ? (secure ? 443 : 80) : proxy.port,
    path: target,
    headers: { host: target, ...authorizationOf(proxy) },
    agent: false,
    timeout: timeoutMs,
    ...(secure ? verifiedTls({ ...tls, servername: host }) : {}),
  });
  const fail = (reason: string, cause?: Error): void => {
    onDone(new Error(`the proxy made no connection: ${reason}`, { cause }), null);
  };
  connecting.once("connect", ({ statusCode = 0 }, socket: Socket, head) => {
    connecting.removeAllListeners("error");
    connecting.on("error", () => {});
    if (statusCode < 200 || statusCode > 299) {
      socket.destroy();
      fail(`it answered CONNECT with status ${statusCode}`);
      return;
    }
    socket.setTimeout(0);
    socket.setNoDelay(true).setKeepAlive(true, 60_000);
    if (head.length > 0) socket.unshift(head);
    onDone(null, socket);
  });
  connecting.once("timeout", () => connecting.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  connecting.once("error", (error) => fail(describeError(error), error));
  connecting.end();
  return connecting;
}

function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` };
}
