import { type DownstreamTransport, defined } from "@cloud-messaging/core/transport";
import {
  createFcmV1Transport,
  createGcmHttpTransport,
  type FcmCredential,
  type FcmV1TransportOptions,
} from "@cloud-messaging/http-sender";
import { SendError } from "./send-error.ts";

/** Number of retries and pause between them. */
export interface RetryOptions {
  /** Further attempts after the first. @defaultValue 5 */
  retries?: number | undefined;
  /** First wait; it doubles. Unit: milliseconds. @defaultValue 1000; over v1 what FCM asks for, 10 s and more */
  backoff?: number | undefined;
}

/** Proxy in the form of node-gcm's HTTP library. */
export interface ProxyParts {
  /** @defaultValue "http" */
  readonly protocol?: string;
  readonly host: string;
  readonly port?: number | string;
  readonly auth?: { readonly username: string; readonly password: string };
}

type V1Options = Pick<FcmV1TransportOptions, "projectId" | "endpoint" | "tls" | "httpVersion" | "allowInsecure">;

/** Options of a sender, read at each send, as in node-gcm. Other options of its HTTP library are ignored. */
export interface SenderOptions extends V1Options {
  /** Endpoint of a server of the legacy protocol: an emulator, a relay. */
  uri?: string | undefined;
  /** Longest time for one attempt. Unit: milliseconds; 0 for none. */
  timeout?: number | undefined;
  /** URL of an HTTP proxy, or its parts; `false` for none. */
  proxy?: string | false | ProxyParts | null | undefined;
  /** Maximum number of connections. */
  maxSockets?: number | undefined;
}

/** Credential of a sender. `undefined`: application default credentials. */
export type Credential = FcmCredential | string | undefined;

/** Supported options in a fixed order: senders with equal ones share a transport. */
export function understoodOptions(options: SenderOptions): readonly unknown[] {
  const { uri, timeout, proxy, maxSockets, projectId, endpoint, tls, httpVersion, allowInsecure } = options;
  return [uri, timeout, proxy, maxSockets, projectId, endpoint, tls, httpVersion, allowInsecure];
}

/** True if a sender uses FCM HTTP v1; the legacy protocol needs a server key and an endpoint. */
export function speaksV1(credential: unknown, { uri }: SenderOptions): boolean {
  return uri === undefined || typeof credential !== "string" || !isServerKey(credential);
}

/** True for a legacy server key, or none: neither the content nor the path of a key file. */
export function isServerKey(credential: unknown): boolean {
  if (credential === undefined || credential === null) return true;
  if (typeof credential !== "string" || credential === "application-default") return false;
  return !isJsonText(credential) && !/[/\\]|\.json$/.test(credential);
}

/** True for JSON, plain or in base64, as found in environment variables. */
function isJsonText(text: string): boolean {
  const start = text.trimStart().slice(0, 64);
  return start.startsWith("{") || Buffer.from(start, "base64").toString("latin1").trimStart().startsWith("{");
}

/**
 * Creates the transport for a credential and options.
 *
 * @throws {InvalidOptionsError} an option is wrong.
 * @throws {SendError} code 401: an endpoint of the legacy protocol without a server key.
 */
export function connect(credential: Credential, options: SenderOptions): DownstreamTransport {
  const { uri, timeout, proxy, maxSockets, projectId, endpoint, tls, httpVersion, allowInsecure } = options;
  const shared = {
    ...defined({
      requestTimeoutMs: timeout === 0 ? LONGEST_TIMEOUT_MS : timeout,
      proxy: proxy === undefined || proxy === null ? undefined : proxyOf(proxy),
      maxConnections: maxSockets !== undefined && Number.isFinite(maxSockets) ? maxSockets : undefined,
      tls,
      allowInsecure,
    }),
  };
  if (uri !== undefined && typeof credential === "string" && !speaksV1(credential, options)) {
    return createGcmHttpTransport({ ...shared, apiKey: credential, endpoint: uri });
  }
  if (uri !== undefined) {
    throw new SendError(
      401,
      "options.uri is an address of the legacy protocol, which takes a server key: give one, or leave uri out. Over FCM HTTP v1 the address is options.endpoint.",
    );
  }
  return createFcmV1Transport({
    ...shared,
    credential: isServerKey(credential) ? "application-default" : (credential as FcmCredential),
    ...defined({ projectId, endpoint, httpVersion }),
  });
}

/** Longest time limit, 24 days, for `timeout: 0` (none). */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

function proxyOf(proxy: string | false | ProxyParts): string | false {
  if (typeof proxy !== "object") return proxy;
  const { protocol = "http", host, port, auth } = proxy;
  const user = auth === undefined ? "" : `${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}@`;
  return `${protocol.replace(/:$/, "")}://${user}${host}${port === undefined ? "" : `:${port}`}`;
}

/** Reads retry options in any of node-gcm's forms: an object, a number of retries, or none. */
export function retryOptions(options: unknown): { readonly retries: number; readonly backoff: number | undefined } {
  if (typeof options === "number") return { retries: options, backoff: undefined };
  const { retries, backoff } = (options ?? {}) as RetryOptions;
  return {
    retries: typeof retries === "number" ? retries : DEFAULT_RETRIES,
    backoff: typeof backoff === "number" ? backoff : undefined,
  };
}

const DEFAULT_RETRIES = 5;
