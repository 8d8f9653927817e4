import { InvalidOptionsError } from "../errors.ts";
import { publish } from "../events.ts";
import { type Warner, warn } from "../warning.ts";
import { isLoopback } from "./loopback.ts";
import { processWide } from "./process-wide.ts";
import type { Environment } from "./proxy.ts";

/** `host:port` of the emulator's HTTP port: where every client goes that was given no address. */
const HOST = "CLOUD_MESSAGING_EMULATOR_HOST";
/** `host:port` of its HTTPS port: taken for an emulator on another machine where the CA file is named too. */
const HTTPS = "CLOUD_MESSAGING_EMULATOR_HTTPS";
/** `host:port` of its CCS port. Default: the host of the HTTP port, and 5235. */
const CCS = "CLOUD_MESSAGING_EMULATOR_CCS";
/** File with its CA certificate, PEM. */
const CA_FILE = "CLOUD_MESSAGING_EMULATOR_CA_FILE";
/** API key or access token that the emulator asks for, where it asks for one. */
const KEY = "CLOUD_MESSAGING_EMULATOR_KEY";

const CCS_PORT = 5_235;
const PLACEHOLDER_KEY = "emulator";

/** Part of `process` that is read: environment and warnings. */
export interface EmulatorProcess extends Warner {
  readonly env: Environment;
}

/** The emulator that an environment names. */
export interface EmulatorAddress {
  /** Name or address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as a URL has it. */
  readonly authority: string;
  /** TLS is spoken there. */
  readonly secure: boolean;
  /** Variable that decided. */
  readonly variable: string;
  /**
   * Takes the place of every credential: whatever listens at an address of the environment gets none that is worth anything. The value of
   * `CLOUD_MESSAGING_EMULATOR_KEY`, else a placeholder.
   */
  readonly key: string;
}

// once per process: a variable left in a production environment shows in the log
const warned = processWide("core/emulator-warning/1", () => new WeakSet<EmulatorProcess>());

/**
 * Reads where the environment has clients go that were given no address, and says so: by a `cloud-messaging:notice` each time, and by one
 * warning per process (code `CLOUD_MESSAGING_EMULATOR`). `undefined` where it names no emulator.
 *
 * @param transport For the notice.
 * @throws {InvalidOptionsError} naming the variable that is no `host:port`.
 */
export function findEmulator(
  process: EmulatorProcess,
  protocol: "http" | "ccs",
  transport: string,
): EmulatorAddress | undefined {
  const address = addressOf(process.env, protocol);
  if (address === undefined) return undefined;
  const { variable, authority } = address;
  const detail = `${variable} is set and no address was given: messages go to the emulator at ${authority}, and no credentials`;
  publish("cloud-messaging:notice", () => ({ transport, notice: "emulator", detail }));
  if (!warned.has(process)) {
    warned.add(process);
    warn(process, "CLOUD_MESSAGING_EMULATOR", `${detail}. Unset it where messages are to be sent.`);
  }
  return address;
}

/**
 * Reads the certificate authority of the emulator.
 *
 * @param readText Reads a file.
 * @throws {InvalidOptionsError} the variable names no file, or one that cannot be read.
 */
export function readEmulatorCa({ env }: EmulatorProcess, readText: (file: string) => string): string {
  const file = env[CA_FILE];
  if (file === undefined || file === "") {
    throw new InvalidOptionsError([
      {
        path: CA_FILE,
        problem:
          "is not set, and an emulator is named: name the file with its CA certificate, or give the option tls.ca",
      },
    ]);
  }
  try {
    return readText(file);
  } catch (cause) {
    const { code = "no such file" } = cause as { code?: string };
    throw new InvalidOptionsError([{ path: CA_FILE, problem: `names a file that cannot be read (${code})` }], {
      cause,
    });
  }
}

function addressOf(env: Environment, protocol: "http" | "ccs"): EmulatorAddress | undefined {
  const set = (name: string): boolean => (env[name] ?? "") !== "";
  const variable = (protocol === "ccs" ? [CCS, HOST] : [HOST]).find(set);
  if (variable === undefined) return undefined;
  const named = parseAuthority(variable, env[variable] as string);
  const key = env[KEY] || PLACEHOLDER_KEY;
  if (protocol === "ccs") {
    const port = variable === CCS ? named.port : CCS_PORT;
    return { ...named, port, authority: named.authority.replace(/\d+$/, String(port)), secure: true, variable, key };
  }
  if (isLoopback(named.host) || !set(HTTPS) || !set(CA_FILE)) {
    return { ...named, secure: false, variable, key };
  }
  return { ...parseAuthority(HTTPS, env[HTTPS] as string), secure: true, variable, key };
}

function parseAuthority(variable: string, value: string): Pick<EmulatorAddress, "host" | "port" | "authority"> {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/i.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535) || !URL.canParse(`http://${value}`)) {
    throw new InvalidOptionsError([{ path: variable, problem: "must be host:port, for example 127.0.0.1:8095" }]);
  }
  return { host, port, authority: value };
}
