import type { HttpRequest } from "@cloud-messaging/connection-server";
import type { Emulator } from "../emulator.ts";

/** Addresses of the emulator under the host that a request named: a client that reaches that host reaches these. */
export interface AskedAddresses {
  readonly http: string;
  /** `null` when there is none. */
  readonly https: string | null;
  readonly ccs: { readonly host: string; readonly port: number };
}

/** Addresses to hand out in the answer to a request. */
export function addressesFor(
  { origin, host }: Pick<HttpRequest, "origin" | "host">,
  { httpUrl, httpsUrl, ccs }: Emulator,
): AskedAddresses {
  const under = (own: string): string => {
    if (origin === undefined || host === "") return own;
    // the port that was asked may be another one outside: that of a container, forwarded
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
