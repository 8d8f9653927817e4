import { readFileSync } from "node:fs";
import { InvalidOptionsError, publish } from "@cloud-messaging/core";
import { isLoopback } from "./endpoint.ts";

/** `host:port` of the emulator's HTTP port: what every sender goes to that was given no `endpoint`. */
const HOST = "CLOUD_MESSAGING_EMULATOR_HOST";
/** `host:port` of its HTTPS port, and its CA: used instead where the emulator is on another machine, if both are set. */
const HTTPS = "CLOUD_MESSAGING_EMULATOR_HTTPS";
const CA_FILE = "CLOUD_MESSAGING_EMULATOR_CA_FILE";

interface Reachable {
  readonly endpoint?: unknown;
  readonly allowInsecure?: unknown;
  readonly connect?: unknown;
}

/**
 * The options with the emulator as their endpoint, where the environment names one and the options name none; otherwise `undefined`.
 * An event says that it happened. Nothing but the address, and the CA to trust, is changed.
 *
 * @param path What is sent to there: `/fcm/send`.
 * @throws {InvalidOptionsError} the variable is no `host:port`, or the CA file cannot be read.
 */
export function atEmulator<T extends Reachable>(options: T, path: string, transport: string): T | undefined {
  const { env } = process;
  const host = env[HOST];
  if (host === undefined || host === "" || options?.endpoint !== undefined) return undefined;
  const plain = originOf(HOST, "http", host);
  const https = env[HTTPS];
  const caFile = env[CA_FILE];
  const secure = !isLoopback(new URL(plain).hostname) && https !== undefined && caFile !== undefined;
  const origin = secure ? originOf(HTTPS, "https", https) : plain;
  publish("cloud-messaging:notice", () => ({
    transport,
    notice: "emulator",
    detail: `${HOST} is set and no endpoint was given: messages go to the emulator at ${origin}`,
  }));
  return {
    ...options,
    endpoint: origin + path,
    // whoever names the emulator by that variable has asked for it, wherever it is; no key of any worth goes there
    allowInsecure: true,
    ...(secure ? { connect: { ...(options.connect as object | undefined), ca: readCa(caFile) } } : {}),
  };
}

/** What an access-token provider is, as far as the emulator replaces it. */
interface Tokens {
  fetchAccessToken(options: {
    readonly signal: AbortSignal;
  }): Promise<{ readonly token: string; readonly expiresAt?: number }>;
  readonly projectId?: string | undefined;
  close?(): Promise<void>;
}

/**
 * Access tokens for the emulator, which takes any: nobody else is asked for one, and none that is worth anything goes there. The project
 * stays that of the credential, where it says so.
 */
export function emulatorTokens(given: Tokens): Tokens {
  return {
    fetchAccessToken: async () => ({ token: "emulator" }),
    projectId: given.projectId ?? process.env["GOOGLE_CLOUD_PROJECT"] ?? "emulator",
    ...(given.close === undefined ? {} : { close: () => given.close?.() ?? Promise.resolve() }),
  };
}

function originOf(variable: string, scheme: string, value: string): string {
  if (!/^[^\s/@?#]+:\d{1,5}$/.test(value) || !URL.canParse(`${scheme}://${value}`)) {
    throw new InvalidOptionsError([{ path: variable, problem: "must be host:port, for example 127.0.0.1:8095" }]);
  }
  return `${scheme}://${value}`;
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const { code = "no such file" } = cause as NodeJS.ErrnoException;
    throw new InvalidOptionsError([{ path: CA_FILE, problem: `names a file that cannot be read (${code})` }], {
      cause,
    });
  }
}
