import { InvalidOptionsError } from "../errors.ts";
import { isLoopback } from "./loopback.ts";

/** Variables of a process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The far end of a connection. */
export interface ProxiedConnection {
  /** Name or address; an IPv6 address with its brackets. */
  readonly host: string;
  readonly port: number;
  /** It carries TLS. */
  readonly secure: boolean;
}

/** The problem with the address of a proxy; `undefined` for a usable one. Never says the address: it may hold a password. */
export function proxyProblem(address: string): string | undefined {
  if (!URL.canParse(address)) return "must be the http: or https: URL of a proxy";
  const { protocol, username, password } = new URL(address);
  if (protocol !== "http:" && protocol !== "https:") return "must be the http: or https: URL of a proxy";
  if (!isDecodable(username) || !isDecodable(password)) {
    return "has a user name or password that cannot be decoded: write a % in it as %25";
  }
  return undefined;
}

// a call whose value is not used would be left out by the bundler, which takes it for one that cannot throw
function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text).length > 0 || text === "";
  } catch {
    return false;
  }
}

/**
 * Reads the proxy for a connection from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. Lower-case names go first, and an empty value of theirs
 * unsets the other; a TLS connection takes the proxy of `HTTP_PROXY` where `HTTPS_PROXY` names none. `ALL_PROXY` is not read. Connections
 * to this machine itself go directly, and so do those that `NO_PROXY` names: `*` for all, names with the names below them, each with or
 * without a port.
 *
 * @returns the URL of the proxy; `undefined` for none.
 * @throws {InvalidOptionsError} the proxy would be taken and cannot be used; the variable is named, and not its value.
 */
export function environmentProxy(env: Environment, { host, port, secure }: ProxiedConnection): string | undefined {
  if (isLoopback(host)) return undefined;
  const entries = (env["no_proxy"] ?? env["NO_PROXY"] ?? "").split(/[,\s]+/).filter((entry) => entry !== "");
  if (entries.some((entry) => covers(entry, host.toLowerCase(), port))) return undefined;
  const secured = secure ? proxyOf(env, ["https_proxy", "HTTPS_PROXY"]) : undefined;
  return secured ?? proxyOf(env, ["http_proxy", "HTTP_PROXY"]);
}

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
