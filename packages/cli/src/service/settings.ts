import type { TlsOptions } from "@cloud-messaging/core";
import { UsageError } from "../exit-status.ts";
import type { OptionValues } from "../line/command.ts";
import { choice, duration, file, text } from "../line/options.ts";
import { readTextFile } from "./files.ts";

/** Options of a connection to the service. */
export const CONNECTION_OPTIONS = {
  credential: file(
    "service-account key, or another credential file of Google's (default: application default credentials)",
  ),
  project: text("ID", "project ID or number (default: that of the credential)"),
  apiKeyFile: file("server key for gcm and ccs (default: the variable CLOUD_MESSAGING_API_KEY)"),
  senderId: text("NUMBER", "sender ID (project number), for ccs and device groups"),
  endpoint: text("URL", "address instead of Google's: a URL, for ccs host:port"),
  ca: file("certificate authority to trust instead of Node's, PEM"),
  timeout: duration("time limit of a send or call, retries included (default: 60s)"),
};

/** The protocol option, of commands that speak more than one. */
export const PROTOCOL_OPTION = { protocol: choice(["v1", "gcm", "ccs"], "v1 is FCM HTTP v1 (default: v1)") };

/** Values of the options of a connection. */
export type ConnectionValues = Partial<OptionValues<typeof CONNECTION_OPTIONS>>;

/** Default time limit of a send or call. Unit: milliseconds. */
const TIMEOUT_MS = 60_000;

/** Time limit of a send or call. Unit: milliseconds. */
export function timeoutMsOf({ timeout }: ConnectionValues): number {
  return timeout ?? TIMEOUT_MS;
}

/**
 * Reads the server key, of the file or of the environment.
 *
 * @throws {UsageError} there is none.
 */
export async function apiKeyOf({ apiKeyFile }: ConnectionValues): Promise<string> {
  const key =
    apiKeyFile === undefined
      ? (process.env["CLOUD_MESSAGING_API_KEY"] ?? (emulatorIsNamed() ? "emulator" : ""))
      : await readTextFile(apiKeyFile, "--api-key-file");
  if (key.trim() !== "") return key.trim();
  throw new UsageError("A server key is needed: --api-key-file FILE, or the variable CLOUD_MESSAGING_API_KEY");
}

/** True if the environment names an emulator, to which no credential is sent. */
export function emulatorIsNamed(): boolean {
  return (process.env["CLOUD_MESSAGING_EMULATOR_HOST"] ?? "") !== "";
}

/**
 * TLS settings of the connection.
 *
 * @throws {UsageError} the file cannot be read.
 */
export async function tlsOf({ ca }: ConnectionValues): Promise<TlsOptions | undefined> {
  return ca === undefined ? undefined : { ca: await readTextFile(ca, "--ca") };
}

/**
 * Requires the sender ID.
 *
 * @throws {UsageError} it is missing.
 */
export function senderIdOf({ senderId }: ConnectionValues): string {
  if (senderId !== undefined) return senderId;
  throw new UsageError("--sender-id NUMBER is needed: the number of the project");
}

/**
 * Reads `host:port` of a CCS server.
 *
 * @throws {UsageError} it is none.
 */
export function ccsAddressOf({ endpoint }: ConnectionValues): { host: string; port: number } | undefined {
  if (endpoint === undefined) return undefined;
  const [, inBrackets, name, port] = /^(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(endpoint) ?? [];
  const host = inBrackets ?? name;
  if (host === undefined) throw new UsageError(`--endpoint of ccs must be host:port, not ${JSON.stringify(endpoint)}`);
  return { host, port: Number(port) };
}
