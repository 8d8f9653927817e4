import { parseArgs } from "node:util";
import type { EmulatorOptions } from "./schemas.ts";

/** Ports of the command, so that programs can be pointed at it once and for all. `startEmulator()` takes free ones instead. */
export const DEFAULT_PORTS = { http: 8095, https: 8096, ccs: 5235 } as const;

/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  /** The command line cannot be understood; what is wrong with it, and what to write. */
  | { readonly kind: "wrong"; readonly problem: string }
  | {
      readonly kind: "start";
      /** What the command line says; it goes before what the file says. */
      readonly options: EmulatorOptions;
      /** A file with further options. */
      readonly configFile: string | undefined;
      /** One line of JSON instead of words. */
      readonly json: boolean;
      /** Where to write the CA; a file in a folder of its own under the system's temporary one otherwise. */
      readonly caFile: string | undefined;
    };

/** What `--help` prints. */
export const HELP = `Usage: npx @cloud-messaging/emulator [options]

The cloud-messaging service on this machine: GCM and FCM over HTTP, CCS over XMPP, and an inbox to look at what arrived.

Listening (0 means any free port)
  --http-port PORT     HTTP, control API and inbox            (default ${DEFAULT_PORTS.http})
  --https-port PORT    the same over TLS, HTTP/1.1 and HTTP/2 (default ${DEFAULT_PORTS.https})
  --ccs-port PORT      CCS: XMPP over TLS                     (default ${DEFAULT_PORTS.ccs})
  --host ADDRESS       address to listen on; 0.0.0.0 lets other machines and containers in (default 127.0.0.1)
  --ca-file FILE       where to write the CA certificate that clients have to trust (default: a temporary file)
  --certificate-name NAME  one more host name or address that the server certificate is good for; repeatable

Behaviour
  --api-key KEY        accept only this key; repeatable (default: any key)
  --auto-register      take unknown tokens as new devices, for a first try with a program of your own
  --profile ERA        gcm-2013, gcm-2015, fcm-legacy or fcm-v1 (default fcm-legacy)
  --validation STYLE   live: as the service answered; documented: as the documentation says (default live)
  --state FILE         load devices and messages from FILE, and save them there at the end
  --config FILE        every other option, as JSON: throttling, quotas, storage, CCS, …  (see docs/emulator.md)

Output
  --json               print one line of JSON when ready, with the variables to export
  --help, --version
`;

/** Reads the command line. The values themselves are checked by `startEmulator()`. */
export function parseCommandLine(args: readonly string[]): Command {
  let values: ReturnType<typeof read>;
  try {
    values = read(args);
  } catch (error) {
    return { kind: "wrong", problem: (error as Error).message };
  }
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };
  const ports: Record<string, number> = {};
  for (const name of ["http-port", "https-port", "ccs-port"] as const) {
    const value = values[name];
    if (value === undefined) continue;
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
      return {
        kind: "wrong",
        problem: `--${name} is ${JSON.stringify(value)}: give a port from 1 to 65535, or 0 for any free one`,
      };
    }
    ports[`${name.slice(0, -"-port".length)}Port`] = Number(value);
  }
  const state = values.state;
  return {
    kind: "start",
    json: values.json ?? false,
    caFile: values["ca-file"],
    configFile: values.config,
    options: {
      ...ports,
      ...(values.host === undefined ? {} : { host: values.host }),
      ...(values["api-key"] === undefined ? {} : { apiKeys: values["api-key"] }),
      ...(values["auto-register"] === undefined ? {} : { autoRegister: values["auto-register"] }),
      ...(values["certificate-name"] === undefined ? {} : { certificateNames: values["certificate-name"] }),
      // what these may be is for startEmulator() to say
      ...(values.profile === undefined ? {} : { profile: values.profile as NonNullable<EmulatorOptions["profile"]> }),
      ...(values.validation === undefined
        ? {}
        : { validationStyle: values.validation as NonNullable<EmulatorOptions["validationStyle"]> }),
      ...(state === undefined ? {} : { stateFile: state }),
    },
  };
}

function read(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: false,
    options: {
      "http-port": { type: "string" },
      "https-port": { type: "string" },
      "ccs-port": { type: "string" },
      host: { type: "string" },
      "ca-file": { type: "string" },
      "certificate-name": { type: "string", multiple: true },
      "api-key": { type: "string", multiple: true },
      "auto-register": { type: "boolean" },
      profile: { type: "string" },
      validation: { type: "string" },
      state: { type: "string" },
      config: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "v" },
    },
  }).values;
}

/**
 * All options: those of the command line, those of the file's text, the command's own ports.
 *
 * @throws {Error} when the text is no JSON object, saying so.
 */
export function withConfig(options: EmulatorOptions, text: string): EmulatorOptions {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("it is no JSON object");
  const { http: httpPort, https: httpsPort, ccs: ccsPort } = DEFAULT_PORTS;
  // what is in it is for startEmulator() to check
  return { httpPort, httpsPort, ccsPort, ...(value as EmulatorOptions), ...options };
}

/** The option of `startEmulator()` and the one of the command line. */
const FLAGS: readonly (readonly [option: RegExp, flag: string])[] = [
  [/\bhttpPort\b/g, "--http-port"],
  [/\bhttpsPort\b/g, "--https-port"],
  [/\bccsPort\b/g, "--ccs-port"],
  [/\bcertificateNames\b/g, "--certificate-name"],
  [/\bapiKeys\b/g, "--api-key"],
  [/\bvalidationStyle\b/g, "--validation"],
  [/\bstateFile\b/g, "--state"],
];

/** What went wrong, in the words of the command line instead of those of the API. */
export function inCommandLineWords(message: string): string {
  return FLAGS.reduce((text, [option, flag]) => text.replace(option, flag), message);
}
