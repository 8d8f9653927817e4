import { isIP } from "node:net";
import type { HttpAnswer, HttpRequest } from "@cloud-messaging/connection-server";
import { isLoopback } from "@cloud-messaging/core/transport";

/** Names and origins by which the emulator may be asked, besides loopback and addresses. */
export interface KnownNames {
  /** Host names; `*.example.com` stands for every name one level below. */
  readonly hosts: readonly string[];
  /** Origins whose pages may use the emulator, as a browser writes them; their hosts are known too. */
  readonly origins: readonly string[];
}

/**
 * Refuses requests that a page of another site caused: neither its own requests nor a name of its own that points here may reach the
 * emulator.
 *
 * A host is known when it is loopback, an address, one of Google's names that the route stands for, or configured. Names that other
 * machines of a network can give themselves (`printer.local`, one-label names) are not. An `Origin` has to be the origin of the request
 * itself, or a configured one: behind a proxy that names another host to the emulator than the browser named to it. Navigation to the inbox page and to what it links to is free from everywhere, by GET alone.
 *
 * @param serves Google's names that the route stands for; none for the emulator's own routes.
 * @returns The answer 403 to such a request, `undefined` for any other.
 */
export function refuseForeignPage(
  { method, headers, host }: Pick<HttpRequest, "method" | "headers" | "host">,
  serves: readonly string[],
  known: KnownNames,
): HttpAnswer | undefined {
  if (!isKnownHost(host, known) && !serves.includes(host)) {
    return refused(`${host.slice(0, 100)} is not a name of the emulator: add it to certificateNames`);
  }
  const { origin } = headers;
  if (origin !== undefined && known.origins.includes(origin)) return undefined;
  const foreign = `pages of other sites may not use the emulator${origin === undefined || origin === "null" ? "" : `: if ${origin.slice(0, 100)} is the inbox behind a proxy, add it to allowedOrigins`}`;
  // a browser that loads an image, for example, sends no origin, but says where the page is from
  const site = headers["sec-fetch-site"];
  const navigates = serves.length === 0 && method === "GET" && headers["sec-fetch-mode"] === "navigate";
  if ((site === "cross-site" || site === "same-site") && !navigates) return refused(foreign);
  if (origin === undefined) return undefined;
  const asked = String(headers[":authority"] ?? headers.host ?? "");
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1] === asked ? undefined : refused(foreign);
}

function isKnownHost(host: string, { hosts, origins }: KnownNames): boolean {
  return (
    host === "" || // HTTP/1.0
    isIP(host) !== 0 ||
    isLoopback(host) ||
    origins.some((origin) => new URL(origin).hostname === host) ||
    hosts.some((name) => {
      const wanted = name.toLowerCase();
      return wanted.startsWith("*.") ? host.slice(host.indexOf(".") + 1) === wanted.slice(2) : host === wanted;
    })
  );
}

function refused(error: string): HttpAnswer {
  return { status: 403, body: JSON.stringify({ error }) };
}
