import { readFileSync } from "node:fs";
import { findEmulator, readEmulatorCa } from "@cloud-messaging/core/transport";
import type { CcsTransportOptions } from "./options.ts";

/**
 * The options with the emulator as their host, where the environment names one and the options name neither host nor port; otherwise
 * the options as they are. The API key is not used there: a placeholder takes its place.
 *
 * @throws {InvalidOptionsError} naming the variable: it is no `host:port`, or the CA file is missing or cannot be read.
 */
export function atEmulator(options: CcsTransportOptions): CcsTransportOptions {
  if (options?.host !== undefined || options?.port !== undefined) return options;
  const emulator = findEmulator(process, "ccs", "ccs");
  if (emulator === undefined) return options;
  const { host, port, key: apiKey } = emulator;
  const ca = options?.tls?.ca ?? readEmulatorCa(process, (file) => readFileSync(file, "utf8"));
  return { ...options, host, port, tls: { ...options?.tls, ca }, apiKey };
}
