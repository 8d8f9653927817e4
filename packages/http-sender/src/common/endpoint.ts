import { InvalidOptionsError } from "@cloud-messaging/core";
import { isLoopback } from "@cloud-messaging/core/transport";

/**
 * The connection server's addresses through the years.
 *
 * Source: docs/protocol/gcm-http.md#endpoints
 */
export const GCM_ENDPOINTS = {
  /** 2012 to 2015. */
  gcm: "https://android.googleapis.com/gcm/send",
  /** 2015 to 2019. */
  "gcm-http": "https://gcm-http.googleapis.com/gcm/send",
  /** 2016 to 2024. */
  "fcm-legacy": "https://fcm.googleapis.com/fcm/send",
} as const;

/** The name of one of Google's addresses. */
export type GcmEndpointName = keyof typeof GCM_ENDPOINTS;

/** Parts of an endpoint URL. */
export interface Endpoint {
  /** `https://host` or `https://host:port`. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly host: string;
}

/**
 * Parses an endpoint. Plain `http:` is refused except to a loopback host, since the key travels in a header.
 *
 * @param option Name of the option, for the error.
 * @param allowInsecure Allows plain `http:` to any host.
 * @throws {InvalidOptionsError} no URL, another protocol, credentials or a fragment in it, or plain `http:` to another machine.
 */
export function parseEndpoint(address: string | URL, allowInsecure: boolean, option = "endpoint"): Endpoint {
  const refuse = (problem: string): never => {
    throw new InvalidOptionsError([{ path: option, problem }]);
  };
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return refuse(`must be a URL or one of ${Object.keys(GCM_ENDPOINTS).join(", ")}`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") refuse(`must be an https: URL, not ${url.protocol}`);
  if (url.username !== "" || url.password !== "") refuse("must not hold a user name or password");
  if (url.hash !== "") refuse("must not hold a fragment (#…)");
  if (url.protocol === "http:" && !allowInsecure && !isLoopback(url.hostname)) {
    refuse(
      "sends the key over plain http: to another machine; use https:, or set allowInsecure if the way there is safe",
    );
  }
  return { origin: url.origin, path: `${url.pathname}${url.search}`, host: url.hostname };
}

/** True for a host of Google's APIs. */
export function isGoogleHost(hostname: string): boolean {
  return hostname === "googleapis.com" || hostname.endsWith(".googleapis.com");
}
