import type { ConnectionOptions } from "node:tls";
import type { TlsOptions } from "./http-client.ts";

/**
 * TLS options of every connection of this package: HTTP/1.1 and HTTP/2, to the service and to a proxy, for messages, topics, groups and
 * tokens. The chain and the host name are verified, also under `NODE_TLS_REJECT_UNAUTHORIZED=0`, which Node obeys where this is not said.
 */
export function verifiedTls({ ca, ...rest }: TlsOptions = {}): ConnectionOptions {
  return {
    ...rest,
    ...(ca === undefined ? {} : { ca: ca as string | Buffer | (string | Buffer)[] }),
    rejectUnauthorized: true,
  };
}
