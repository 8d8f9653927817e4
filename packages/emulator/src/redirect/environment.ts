import { readFileSync } from "node:fs";

/** `host:port` of the emulator's HTTP port; the other ports are on the same host by default. */
const HOST_VARIABLE = "CLOUD_MESSAGING_EMULATOR_HOST";
/** `host:port` of the emulator's HTTPS port. Default: the host of `CLOUD_MESSAGING_EMULATOR_HOST`, port 8096. */
const HTTPS_VARIABLE = "CLOUD_MESSAGING_EMULATOR_HTTPS";
/** `host:port` of the emulator's CCS port. Default: the host of `CLOUD_MESSAGING_EMULATOR_HOST`, port 5235. */
const CCS_VARIABLE = "CLOUD_MESSAGING_EMULATOR_CCS";
/** File with the emulator's CA certificate, PEM. */
const CA_FILE_VARIABLE = "CLOUD_MESSAGING_EMULATOR_CA_FILE";

const DEFAULT_HTTPS_PORT = 8096;
const DEFAULT_CCS_PORT = 5235;

/** Endpoint of a TCP connection. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Addresses of the emulator. */
export interface RedirectTargets {
  readonly https: HostAndPort;
  readonly ccs: HostAndPort;
  /** CA of the emulator, PEM. Read for each connection, since a restarted emulator may have a new one. */
  ca(): string;
}

/** A variable is missing or invalid. The message names it and the fix; the program is not started. */
export class RedirectSetupError extends Error {
  override readonly name = "RedirectSetupError";
  readonly code = "ERR_REDIRECT_SETUP";
}

/**
 * Reads the addresses of the emulator from the environment.
 *
 * @throws {RedirectSetupError} A variable is missing or not `host:port`, or the CA file cannot be read: a program that is meant to be
 * redirected must not reach the real service.
 */
export function readRedirectTargets(environment: Readonly<Record<string, string | undefined>>): RedirectTargets {
  const host = environment[HOST_VARIABLE];
  const caFile = environment[CA_FILE_VARIABLE];
  if (host === undefined || host === "") throw missing(HOST_VARIABLE, "127.0.0.1:8095");
  if (caFile === undefined || caFile === "") throw missing(CA_FILE_VARIABLE, "the caFile that the emulator printed");
  const http = parseHostAndPort(HOST_VARIABLE, host);
  const beside = (variable: string, port: number): HostAndPort => {
    const value = environment[variable];
    return value === undefined || value === "" ? { host: http.host, port } : parseHostAndPort(variable, value);
  };
  let ca = readCa(caFile);
  return {
    https: beside(HTTPS_VARIABLE, DEFAULT_HTTPS_PORT),
    ccs: beside(CCS_VARIABLE, DEFAULT_CCS_PORT),
    ca() {
      try {
        ca = readCa(caFile);
      } catch {
        // a stopped emulator removes its file: the refused connection is the clearer error
      }
      return ca;
    },
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new RedirectSetupError(
      `${CA_FILE_VARIABLE} names ${file}, which cannot be read: start the emulator first (npx @cloud-messaging/emulator) and take the variables it prints`,
      { cause: error },
    );
  }
}

function parseHostAndPort(variable: string, value: string): HostAndPort {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new RedirectSetupError(
      `${variable} is ${JSON.stringify(value)}: write host:port, for example 127.0.0.1:8095`,
    );
  }
  return { host, port };
}

function missing(variable: string, example: string): RedirectSetupError {
  return new RedirectSetupError(
    `${variable} is not set, so @cloud-messaging/emulator/redirect does not know where the emulator is: set it (${example}), or start without the redirect`,
  );
}
