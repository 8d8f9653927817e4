import type { Agent } from "node:https";
import { createHttpClient } from "./http.ts";
import type { HttpClientOptions, HttpRequest } from "./http-client.ts";

/** Longest answer of a token service. Unit: bytes. */
const MAX_RESPONSE_BYTES = 1_048_576;

/**
 * A `fetch` over this package's own connections, for google-auth-library: what it sends is a credential, and TLS is verified and a proxy
 * used as everywhere here. A client certificate in an `agent` of its is taken over.
 */
export function createVerifiedFetch(
  options: Pick<HttpClientOptions, "timeoutMs" | "tls" | "proxy" | "clock">,
): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const { cert, key, passphrase } = (init as { agent?: Partial<Agent> }).agent?.options ?? {};
    const http = createHttpClient({
      ...options,
      origin: url.origin,
      transport: "access-token",
      maxConnections: 1,
      idleTimeoutMs: 1,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      closeTimeoutMs: 0,
      tls: {
        ...options.tls,
        ...(cert === undefined || key === undefined ? {} : ({ cert, key, passphrase } as object)),
      },
    });
    try {
      const result = await http.request({
        method: (init.method ?? "GET") as HttpRequest["method"],
        path: url.pathname + url.search,
        headers: [...new Headers(init.headers)].flat(),
        body: init.body === undefined || init.body === null ? undefined : String(init.body),
        signal: init.signal ?? undefined,
      });
      if (result.kind === "failure") {
        const error = new TypeError(`no answer from ${url.host}: ${result.detail}`);
        throw Object.assign(error, { code: result.code });
      }
      const headers = Object.entries(result.headers).flatMap(([name, values]) =>
        [values ?? []].flat().map((value): [string, string] => [name, value]),
      );
      const empty = result.status === 204 || result.status === 304;
      return new Response(empty ? null : result.body, { status: result.status, headers });
    } finally {
      await http.close();
    }
  };
}
