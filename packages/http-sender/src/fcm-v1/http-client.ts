import { createHttpClient } from "../http/http.ts";
import type { HttpClient } from "../http/http-client.ts";
import { createHttp2Client } from "../http/http2.ts";

/** Default of `maxConnections` over HTTP/2. */
const DEFAULT_HTTP2_CONNECTIONS = 8;

/** Creates the HTTP client of the transport for an HTTP version. */
export function createClient(
  version: "1.1" | "2",
  {
    maxRequests,
    maxConnections,
    ...common
  }: Omit<Parameters<typeof createHttpClient>[0], "maxConnections" | "closeTimeoutMs"> & {
    readonly maxRequests: number;
    readonly maxConnections: number | undefined;
  },
): HttpClient {
  // close() of the transport has waited already
  const closeTimeoutMs = 0;
  return version === "2"
    ? createHttp2Client({
        ...common,
        closeTimeoutMs,
        maxRequests: maxRequests,
        maxConnections: maxConnections ?? DEFAULT_HTTP2_CONNECTIONS,
      })
    : createHttpClient({
        ...common,
        closeTimeoutMs,
        maxConnections: Math.min(maxConnections ?? maxRequests, maxRequests),
      });
}
