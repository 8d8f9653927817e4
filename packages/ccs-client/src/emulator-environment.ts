import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { InvalidOptionsError, publish } from "@cloud-messaging/core";
import type { CcsTransportOptions } from "./options.ts";

/** `host:port` of the emulator's CCS port. */
const CCS = "CLOUD_MESSAGING_EMULATOR_CCS";
/** `host:port` of its HTTP port: CCS is on the same host then, at its own port. */
const HOST = "CLOUD_MESSAGING_EMULATOR_HOST";
/** The file with its CA certificate, PEM. */
const CA_FILE = "CLOUD_MESSAGING_EMULATOR_CA_FILE";

const CCS_PORT = 5_235;

/**
 * The options with the emulator as their host, where the environment names one and the options name neither host nor port; otherwise
 * the options as they are. An event says that it happened.
 *
 * @throws {InvalidOptionsError} naming the variable: it is no `host:port`, or the CA file is missing or cannot be read.
 */
export function atEmulator(options: CcsTransportOptions): CcsTransportOptions {
  if (options?.host !== undefined || options?.port !== undefined) return options;
  const { env } = process;
  const variable = [CCS, HOST].find((name) => (env[name] ?? "") !== "");
  if (variable === undefined) return options;
  const named = parseHostAndPort(variable, env[variable] as string);
  const { host } = named;
  const port = variable === CCS ? named.port : CCS_PORT;
  const ca = options?.ca ?? readCa(env[CA_FILE], variable);
  publish("cloud-messaging:notice", () => ({
    transport: "ccs",
    notice: "emulator",
    detail: `${variable} is set and neither host nor port was given: CCS is the emulator at ${isIPv6(host) ? `[${host}]` : host}:${port}`,
  }));
  return { ...options, host, port, ca };
}

function parseHostAndPort(variable: string, value: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/i.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || (match?.[1] !== undefined && !isIPv6(host)) || !(port >= 1 && port <= 65_535)) {
    throw new InvalidOptionsError([{ path: variable, problem: "must be host:port, for example 127.0.0.1:5235" }]);
  }
  return { host, port };
}

function readCa(file: string | undefined, because: string): string {
  if (file === undefined || file === "") {
    throw new InvalidOptionsError([
      {
        path: CA_FILE,
        problem: `is not set, and ${because} is: name the file with the emulator's CA certificate, or give the option ca`,
      },
    ]);
  }
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const { code = "no such file" } = cause as NodeJS.ErrnoException;
    throw new InvalidOptionsError([{ path: CA_FILE, problem: `names a file that cannot be read (${code})` }], {
      cause,
    });
  }
}
