import { InvalidOptionsError } from "../errors.ts";

/** Variables of a process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Rules by which an environment sends connections through proxies. */
export interface EnvironmentProxies {
  /** URL of the proxy for TLS connections; absent for none. */
  readonly https?: string;
  /** URL of the proxy for connections in clear text; absent for none. */
  readonly http?: string;
  /**
   * Tells connections that go directly: to this machine itself, and as `NO_PROXY` says: `*` for all, names with the names below them, each
   * with or without a port.
   *
   * @param host Name or address; an IPv6 address with its brackets.
   */
  bypass(host: string, port: number): boolean;
}

/** The problem with the address of a proxy; `undefined` for a usable one. Never says the address: it may hold a password. */
export function proxyProblem(address: string): string | undefined {
  if (!URL.canParse(address)) return "must be the http: or https: URL of a proxy";
  const { protocol, username, password } = new URL(address);
  if (protocol !== "http:" && protocol !== "https:") return "must be the http: or https: URL of a proxy";
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
  } catch {
    return "has a user name or password that cannot be decoded: write a % in it as %25";
  }
  return undefined;
}

/**
 * Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. Lower-case names go first, and an empty value of theirs unsets the other; TLS
 * connections take the proxy of `HTTP_PROXY` where `HTTPS_PROXY` names none.
 *
 * @throws {InvalidOptionsError} a proxy cannot be used; the variable is named, and not its value.
 */
export function environmentProxies(env: Environment): EnvironmentProxies {
  const http = proxyOf(env, ["http_proxy", "HTTP_PROXY"]);
  const https = proxyOf(env, ["https_proxy", "HTTPS_PROXY"]) ?? http;
  const entries = (env["no_proxy"] ?? env["NO_PROXY"] ?? "").split(/[,\s]+/).filter((entry) => entry !== "");
  return {
    ...(https === undefined ? {} : { https }),
    ...(http === undefined ? {} : { http }),
    bypass: (host, port) => LOOPBACK.test(host) || entries.some((entry) => covers(entry, host.toLowerCase(), port)),
  };
}

const LOOPBACK = /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i;

function proxyOf(env: Environment, names: readonly string[]): string | undefined {
  const name = names.find((candidate) => env[candidate] !== undefined);
  const address = name === undefined ? "" : (env[name] as string).trim();
  if (name === undefined || address === "") return undefined;
  const problem = proxyProblem(address);
  if (problem !== undefined) throw new InvalidOptionsError([{ path: "proxy", problem: `(from ${name}) ${problem}` }]);
  return address;
}

function covers(entry: string, host: string, port: number): boolean {
  if (entry === "*") return true;
  const [, name = entry, entryPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  // a leading dot or asterisk says what holds anyway: the names below are covered too
  const bare = name.toLowerCase().replace(/^\*?\./, "");
  return host === bare || host.endsWith(`.${bare}`);
}
