import { defined, systemClock, type z } from "@cloud-messaging/core/transport";
import type { Endpoint } from "../common/endpoint.ts";
import { createHttpClient } from "../http/http.ts";
import { createAuthorization } from "./authorization.ts";
import { ManagementClient, type ManagementClientParts } from "./client.ts";
import type { ManagementCredentials, topicSubscriptionsOptionsSchema } from "./options.ts";

/** Checked options shared by the management services. */
type Settings = Omit<z.output<typeof topicSubscriptionsOptionsSchema>, "backend" | "projectId" | "endpoint"> & {
  readonly apiKey?: string | undefined;
};

/** Properties of one management service. */
interface Service extends Pick<ManagementClientParts, "name" | "headers" | "vocabulary"> {
  readonly endpoint: Endpoint;
  /** Further headers beside a bearer token. Names and values in turn. */
  readonly bearerHeaders: readonly string[];
}

/**
 * Creates the client of a management service.
 *
 * @returns the client, and the project that the credential names.
 * @throws {InvalidOptionsError} the credentials or the retry policy are wrong.
 */
export function connect(settings: Settings, { name, headers, vocabulary, endpoint, bearerHeaders }: Service) {
  const { apiKey, credential, tls, proxy, allowInsecure, retry, requestTimeoutMs: timeoutMs } = settings;
  const clock = settings.clock ?? systemClock;
  const { origin, host } = endpoint;
  const authorization = createAuthorization({
    tls,
    proxy,
    timeoutMs,
    allowInsecure,
    ...defined({ apiKey, credential: credential as ManagementCredentials["credential"] }),
    clock,
    transport: name,
    bearerHeaders,
  });
  const http = createHttpClient({ ...settings, transport: name, timeoutMs, origin });
  const client = new ManagementClient({ name, clock, origin, host, http, authorization, headers, retry, vocabulary });
  return { client, projectId: authorization.projectId };
}
