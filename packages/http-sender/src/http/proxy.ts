import { request as http } from "node:http";
import { request as https } from "node:https";
import { environmentProxy, type TunnelRequests } from "@cloud-messaging/core/transport";

/** Requests that open tunnels. */
export const TUNNEL_REQUESTS: TunnelRequests = { http, https };

/**
 * The proxy for an origin: the one that is given, else the one that the environment names for it, never one for this machine.
 *
 * @param given `false` for none.
 * @throws {InvalidOptionsError} the environment names one that cannot be used; the variable is named, and not its value.
 */
export function proxyFor(origin: string, given: string | false | undefined): URL | undefined {
  if (given === false) return undefined;
  if (given !== undefined) return new URL(given);
  const { protocol, hostname, port } = new URL(origin);
  const secure = protocol === "https:";
  const address = environmentProxy(process.env, {
    host: hostname,
    port: Number(port || (secure ? 443 : 80)),
    secure,
  });
  return address === undefined ? undefined : new URL(address);
}

/** Address of an origin as CONNECT names it: `host:port`. */
export function targetOf(origin: string): string {
  const { protocol, hostname, port } = new URL(origin);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}
