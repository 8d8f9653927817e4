import { parseArgs } from "node:util";
import { defined, isJsonObject } from "@cloud-messaging/core/transport";
import type { EmulatorOptions } from "../options.ts";

/** Default ports of the command, fixed so that clients can be configured once. `startEmulator()` uses free ports instead. */
export const DEFAULT_PORTS = { http: 8095, https: 8096, ccs: 5235 } as const;

/** Parsed command line. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  /** Error: the invalid option, and the fix. */
  | { readonly kind: "wrong"; readonly problem: string }
  | {
      readonly kind: "start";
      /** Command to run under the emulator, with its arguments; `undefined` to run until a signal. */
      readonly program: readonly [name: string, ...args: string[]] | undefined;
      /** Command-line options, which take precedence over the file. */
      readonly options: EmulatorOptions;
      /** File with further options. */
      readonly configFile: string | undefined;
      /** File that says which captured messages also go on to FCM HTTP v1. */
      readonly forwardFile: string | undefined;
      /** Prints one line of JSON instead of text. */
      readonly json: boolean;
      /** Files of the user's certificate. */
      readonly tlsFiles: { readonly cert: string; readonly key: string; readonly ca?: string } | undefined;
      /** File to write the CA to. Default: a file in a private folder under the system's temporary folder. */
      readonly caFile: string | undefined;
    };

/** Text of `--help`. */
export const HELP = `Usage: npx @cloud-messaging/emulator [options]
       npx @cloud-messaging/emulator exec [options] -- COMMAND [ARGUMENTS]

exec starts the emulator on free ports, sets its variables, runs the command, ends with it and returns its status.

The cloud-messaging service on this machine: GCM and FCM over HTTP, CCS over XMPP, and an inbox to look at what arrived.

Listening (0 means any free port)
  --http-port PORT     HTTP, control API and inbox            (default ${DEFAULT_PORTS.http})
  --https-port PORT    the same over TLS, HTTP/1.1 and HTTP/2 (default ${DEFAULT_PORTS.https})
  --ccs-port PORT      CCS: XMPP over TLS                     (default ${DEFAULT_PORTS.ccs})
  --host ADDRESS       address to listen on; 0.0.0.0 lets other machines and containers in (default 127.0.0.1)
  --ca-file FILE       where to write the CA certificate that clients have to trust (default: a temporary file)
  --tls-cert FILE, --tls-key FILE  a certificate of your own, PEM; --tls-ca FILE: the CA that signed it
  --allowed-origin ORIGIN  origin of the inbox behind a proxy, such as http://push.example.com:8080; repeatable
  --certificate-name NAME  one more host name or address that the server certificate is good for; repeatable

Behaviour
  --api-key KEY        accept only this key; repeatable (default: any key)
  --auto-register      take unknown tokens as new devices, for a first try with a program of your own
  --profile ERA        gcm-2013, gcm-2015, fcm-legacy or fcm-v1 (default fcm-legacy)
  --validation STYLE   live: as the service answered; documented: as the documentation says (default live)
  --state FILE         load devices, messages and certificates from FILE, and save them there within 2 s of every change
  --config FILE        every other option, as JSON: throttling, quotas, storage, CCS, …  (see docs/emulator.md)
  --forward FILE       send captured messages on to FCM HTTP v1 too, for the tokens and senders named in FILE; needs
                       @cloud-messaging/gateway

Output
  --json               print one line of JSON when ready, with the variables to export
  --help, --version
`;

/** Parses the command line. Values are checked by `startEmulator()`. */
export function parseCommandLine(args: readonly string[]): Command {
  const [program, own] = args[0] === "exec" ? split(args.slice(1)) : [undefined, args];
  let values: ReturnType<typeof read>;
  try {
    values = read(own);
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
  const { "tls-cert": cert, "tls-key": key, "tls-ca": ca } = values;
  if ((cert === undefined) !== (key === undefined) || (ca !== undefined && cert === undefined)) {
    return { kind: "wrong", problem: "--tls-cert, --tls-key and --tls-ca go together: give at least the first two" };
  }
  if (args[0] === "exec") {
    if (program === undefined) return { kind: "wrong", problem: "exec needs a command: exec [options] -- npm test" };
    if (values.json)
      return { kind: "wrong", problem: "--json does not go with exec, which prints what its command prints" };
  }
  return {
    kind: "start",
    program,
    json: values.json ?? false,
    tlsFiles: cert === undefined || key === undefined ? undefined : { cert, key, ...defined({ ca }) },
    caFile: values["ca-file"],
    configFile: values.config,
    forwardFile: values.forward,
    options: {
      ...ports,
      ...defined({
        host: values.host,
        apiKeys: values["api-key"],
        autoRegister: values["auto-register"],
        allowedOrigins: values["allowed-origin"],
        certificateNames: values["certificate-name"],
        // values are checked by startEmulator()
        profile: values.profile as EmulatorOptions["profile"],
        validationStyle: values.validation as EmulatorOptions["validationStyle"],
        stateFile: state,
      }),
    },
  };
}

/** Splits the arguments into options and the command after `--`. */
function split(args: readonly string[]): [program: [string, ...string[]] | undefined, own: readonly string[]] {
  const mark = args.indexOf("--");
  const [name, ...rest] = mark === -1 ? [] : args.slice(mark + 1);
  return [name === undefined ? undefined : [name, ...rest], mark === -1 ? args : args.slice(0, mark)];
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
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      "tls-ca": { type: "string" },
      "allowed-origin": { type: "string", multiple: true },
      "certificate-name": { type: "string", multiple: true },
      "api-key": { type: "string", multiple: true },
      "auto-register": { type: "boolean" },
      profile: { type: "string" },
      validation: { type: "string" },
      state: { type: "string" },
      config: { type: "string" },
      forward: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "v" },
    },
  }).values;
}

/**
 * Merges the options of the command line, of the file's text, and the default ports.
 *
 * @param ports Default ports.
 * @throws {Error} The text is not a JSON object.
 */
export function withConfig(
  options: EmulatorOptions,
  text: string,
  ports: Readonly<Record<keyof typeof DEFAULT_PORTS, number>> = DEFAULT_PORTS,
): EmulatorOptions {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // the error quotes the text, which may be a key
    const position = / at position \d+/.exec((error as Error).message)?.[0] ?? "";
    throw new Error(`it is no JSON${position === "" ? "" : `: look${position}`}`);
  }
  if (!isJsonObject(value)) throw new Error("it is no JSON object");
  const { http: httpPort, https: httpsPort, ccs: ccsPort } = ports;
  // contents are checked by startEmulator()
  return { httpPort, httpsPort, ccsPort, ...(value as EmulatorOptions), ...options };
}

/** Name of the option in `startEmulator()` and on the command line. */
const FLAGS: readonly (readonly [option: RegExp, flag: string])[] = [
  [/\bhttpPort\b/g, "--http-port"],
  [/\bhttpsPort\b/g, "--https-port"],
  [/\bccsPort\b/g, "--ccs-port"],
  [/\bcertificateNames\b/g, "--certificate-name"],
  [/\ballowedOrigins\b/g, "--allowed-origin"],
  [/\btls\.(?=cert|key|ca)/g, "--tls-"],
  [/\bapiKeys\b/g, "--api-key"],
  [/\bvalidationStyle\b/g, "--validation"],
  [/\bstateFile\b/g, "--state"],
];

/** Rewrites a problem with command-line option names instead of API names. */
export function inCommandLineWords(message: string): string {
  return FLAGS.reduce((text, [option, flag]) => text.replace(option, flag), message);
}
