const LOOPBACK = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i;

/**
 * True for a host that is this machine, whatever the resolver says: `localhost` and names below it, 127.0.0.0/8, `::1`. An IPv6 address in its
 * short form, with brackets or without.
 *
 * Source: RFC 6761, section 6.3
 */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
