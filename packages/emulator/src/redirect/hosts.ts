import { GOOGLE_HOSTS } from "./google-hosts.ts";

/**
 * Hosts whose traffic is redirected to the emulator, without exception: requests to `www.googleapis.com` that are unrelated to messaging
 * are answered 404.
 */
export const REDIRECTED_HOSTS: ReadonlySet<string> = new Set(GOOGLE_HOSTS);

/** Port of Google's HTTP endpoints. */
export const HTTPS_PORT = 443;
/** Ports of CCS: production, and pre-production or testing. */
export const CCS_PORTS: ReadonlySet<number> = new Set([5235, 5236]);

/** Normalizes a host name: lower case, without a trailing dot. */
export function isRedirectedHost(host: unknown): host is string {
  return typeof host === "string" && REDIRECTED_HOSTS.has(host.toLowerCase().replace(/\.$/, ""));
}
