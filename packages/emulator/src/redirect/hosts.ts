import { GOOGLE_HOSTS } from "./google-hosts.ts";

/**
 * The hosts whose traffic the redirect takes to the emulator. All of it: what an application asks of `www.googleapis.com` that has
 * nothing to do with messaging goes there too, and is answered 404.
 */
export const REDIRECTED_HOSTS: ReadonlySet<string> = new Set(GOOGLE_HOSTS);

/** The port of all of Google's HTTP endpoints. */
export const HTTPS_PORT = 443;
/** Ports of CCS: production, and pre-production or testing. */
export const CCS_PORTS: ReadonlySet<number> = new Set([5235, 5236]);

/** Host names are compared without regard to case, and the root's dot means nothing. */
export function isRedirectedHost(host: unknown): host is string {
  return typeof host === "string" && REDIRECTED_HOSTS.has(host.toLowerCase().replace(/\.$/, ""));
}
