import { isIPv6 } from "node:net";

/** Host as a URL has it: an IPv6 address in brackets. */
export function hostInUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Address of the far end as URLs and CONNECT name it: `host:port`. */
export function authorityOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${hostInUrl(host)}:${port}`;
}
