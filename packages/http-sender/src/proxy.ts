import { InvalidOptionsError } from "@cloud-messaging/core";

/** What is wrong with the address of a proxy; `undefined` where nothing is. Never says the address: it may hold a password. */
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
 * Whether the environment names a proxy.
 *
 * @throws {InvalidOptionsError} it names one that cannot be used; the variable is named, and not its value.
 */
export function environmentNamesProxy(env: NodeJS.ProcessEnv): boolean {
  // the order in which undici looks
  const variables = [
    ["http_proxy", "HTTP_PROXY"],
    ["https_proxy", "HTTPS_PROXY"],
  ].flatMap((names) => names.find((name) => env[name] !== undefined) ?? []);
  const set = variables.filter((name) => env[name] !== "");
  const problems = set.flatMap((name) => {
    const problem = proxyProblem(env[name] as string);
    return problem === undefined ? [] : [{ path: "proxy", problem: `(from ${name}) ${problem}` }];
  });
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return set.length > 0;
}
