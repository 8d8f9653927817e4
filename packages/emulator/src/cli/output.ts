import { styleText } from "node:util";
import { authorityOf } from "@cloud-messaging/core/transport";
import type { Emulator } from "../emulator.ts";

/** Addresses of the emulator: the line that `--json` prints. */
export interface ReadyLine {
  readonly http: string;
  /** `null` without HTTPS. */
  readonly https: string | null;
  /** `null` without CCS. */
  readonly ccs: { readonly host: string; readonly port: number } | null;
  readonly inbox: string;
  /** CA certificate for clients to trust. */
  readonly caFile: string;
  /** Variables to export, read by the redirect and the senders of this SDK. */
  readonly env: Readonly<Record<string, string>>;
}

/** Collects the addresses of the emulator. */
export function readyLine(emulator: Emulator, caFile: string): ReadyLine {
  const { host, port } = emulator.ccsOptions();
  const https = emulator.httpsUrl ?? null;
  const ccs = port === 0 ? null : { host, port };
  return {
    http: emulator.httpUrl,
    https,
    ccs,
    inbox: `${emulator.httpUrl}/`,
    caFile,
    env: {
      CLOUD_MESSAGING_EMULATOR_HOST: authority(emulator.httpUrl),
      ...(https === null ? {} : { CLOUD_MESSAGING_EMULATOR_HTTPS: authority(https) }),
      ...(ccs === null ? {} : { CLOUD_MESSAGING_EMULATOR_CCS: authorityOf(ccs) }),
      CLOUD_MESSAGING_EMULATOR_CA_FILE: caFile,
    },
  };
}

const authority = (url: string): string => url.slice(url.indexOf("//") + 2);

type Style = Parameters<typeof styleText>[0];

/** Formats the addresses as text. */
export function readyText({ http, https, ccs, inbox, caFile, env }: ReadyLine, colours: boolean): string {
  const paint = (style: Style, text: string): string => (colours ? styleText(style, text) : text);
  const addresses: readonly (readonly [name: string, where: string, what: string])[] = [
    ["Inbox", inbox, "open it in a browser"],
    ["HTTP", http, "/fcm/send  /gcm/send  /v1/projects/…  /emulator/v1/"],
    ["HTTPS", https ?? "none", "the same, HTTP/1.1 and HTTP/2"],
    ["CCS", ccs === null ? "none" : authorityOf(ccs), "XMPP over TLS"],
    ["CA file", caFile, ""],
  ];
  const width = Math.max(...addresses.slice(0, -1).map(([, where]) => where.length));
  const lines = addresses.map(([name, where, what]) =>
    `  ${paint("dim", name.padEnd(8))} ${paint("cyan", where.padEnd(width))}  ${paint("dim", what)}`.trimEnd(),
  );
  const exports = Object.entries(env).map(([name, value]) => `  export ${name}=${quoted(value)}`);
  return [
    paint("bold", "The cloud-messaging emulator is ready"),
    "",
    ...lines,
    "",
    paint("dim", "For the shell of your program:"),
    ...exports,
    "",
    `${paint("dim", "A Node program, unmodified:")} node --import @cloud-messaging/emulator/redirect app.js`,
    `${paint("dim", "Ctrl-C ends it.")}`,
    "",
  ].join("\n");
}

/** Quotes a value for a POSIX shell. */
function quoted(value: string): string {
  return /^[\w./:@%+=,[\]-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
