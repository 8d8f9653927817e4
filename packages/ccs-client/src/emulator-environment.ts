import { readFileSync } from "node:fs";
import { findEmulator, readEmulatorCa } from "@cloud-messaging/core/transport";
import type { CcsTransportOptions } from "./options.ts";

/**
 * Redirects the options to the emulator that the environment names, unless they have a host or port. A placeholder replaces the API key.
 *
 * @throws {InvalidOptionsError} A variable is not `host:port`, or the CA file cannot be read.
 */
export function atEmulator(options: CcsTransportOptions): CcsTransportOptions {
  if (options.host !== undefined || options.port !== undefined) return options;
  const emulator = findEmulator(process, "ccs", "ccs");
  if (emulator === undefined) return options;
  const { host, port, key: apiKey } = emulator;
  const ca = options.tls?.ca ?? readEmulatorCa(process, (file) => readFileSync(file, "utf8"));
  return { ...options, host, port, tls: { ...options.tls, ca }, apiKey };
}
