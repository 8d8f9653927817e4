import type { HttpRequest } from "@cloud-messaging/connection-server";
import type { Emulator } from "../emulator.ts";

/** Addresses of the emulator under the host name of a request, reachable by the client that sent it. */
export interface AskedAddresses {
  readonly http: string;
  /** `null` without HTTPS or CCS. */
  readonly https: string | null;
  readonly ccs: { readonly host: string; readonly port: number };
}

/** Returns the addresses for the answer to a request. */
export function addressesFor(
  { origin, host }: Pick<HttpRequest, "origin" | "host">,
  { httpUrl, httpsUrl, ccs }: Emulator,
): AskedAddresses {
  const under = (own: string): string => {
    if (origin === undefined || host === "") return own;
    // the port of the request may be a forwarded one, as with containers
    if (new URL(own).protocol === new URL(origin).protocol) return origin;
    const { protocol, port } = new URL(own);
    return `${protocol}//${new URL(origin).hostname}:${port}`;
  };
  return {
    http: under(httpUrl),
    https: httpsUrl === undefined ? null : under(httpsUrl),
    ccs: { host: origin === undefined || host === "" ? ccs.host : host, port: ccs.port },
  };
}
