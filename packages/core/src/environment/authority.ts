/**
 * Host as URLs have it: an IPv6 address in brackets.
 *
 * Source: RFC 3986, section 3.2.2
 *
 * @param host Name or address, without brackets.
 */
export function hostInUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Authority as URLs and CONNECT name it: `host:port`, an IPv6 address in brackets. */
export function authorityOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${hostInUrl(host)}:${port}`;
}
