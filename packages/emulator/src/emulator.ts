import { CloudMessagingError } from "@cloud-messaging/core";
import type { ServiceAccountKey } from "@cloud-messaging/core/wire";
import type { DeviceOptions, EmulatedDevice } from "./emulated-device.ts";
import type { EmulatorEvents } from "./events.ts";
import type { Faults } from "./faults/faults.ts";
import type { Inbox } from "./inbox/store.ts";
import type { QuotaLimits } from "./model/quotas.ts";
import type { EmulatedCcs } from "./servers/ccs.ts";
import type { EmulatedFcm } from "./servers/fcm-accounts.ts";
import type { EmulatorState } from "./state/schema.ts";
import type { EmulatorStats } from "./stats.ts";

/** A client violated the protocol, and the emulator was started with `strict`. */
export class ProtocolViolationError extends CloudMessagingError<"ERR_PROTOCOL_VIOLATION"> {
  override readonly name = "ProtocolViolationError";
  readonly violations: readonly string[];

  constructor(violations: readonly string[]) {
    super("ERR_PROTOCOL_VIOLATION", `A client broke the protocol: ${violations.join("; ")}`);
    this.violations = violations;
  }
}

/** A running emulator. */
export interface Emulator extends AsyncDisposable {
  /** Base URL of HTTP, `http://127.0.0.1:PORT`: sending, device groups, Instance ID, control API and inbox. */
  readonly httpUrl: string;
  /** Base URL of HTTPS, with HTTP/1.1 and HTTP/2; `undefined` without an HTTPS port. */
  readonly httpsUrl: string | undefined;
  /** CA certificate to trust. PEM. */
  readonly caCertificate: string;
  /** CCS: connections, manual acks, draining. */
  readonly ccs: EmulatedCcs;
  /** Captured messages. */
  readonly inbox: Inbox;
  /** Fault injection. */
  readonly faults: Faults;
  /** Quotas and rate limits; assigned values apply at once. `Infinity`: no limit. */
  readonly quotas: QuotaLimits;
  /** Service accounts and access tokens of FCM HTTP v1. */
  readonly fcm: EmulatedFcm;
  /** Events of the emulator. */
  readonly events: EmulatorEvents;
  /** Counters since the start or the last reset. */
  readonly stats: EmulatorStats;
  /** Protocol violations by clients, as text; the first hundred. */
  readonly violations: readonly string[];
  /** Apps on all devices. */
  readonly devices: readonly EmulatedDevice[];
  /** Reason for which unknown tokens are unavailable at `maxDevices`, from the first one that was until there is capacity again. */
  readonly full: string | undefined;
  /** Options for `createGcmSender`: endpoint and API key. */
  httpOptions(): { endpoint: string; apiKey: string; allowInsecure?: boolean };
  /** Options for `createFcmSender`: endpoint, CA and a generated service account. */
  fcmOptions(): {
    endpoint: string;
    tls?: { ca: string };
    allowInsecure?: boolean;
    credential: ServiceAccountKey;
    projectId: string;
  };
  /** Options for `createCcsClient`: host, port, CA, sender ID and API key. */
  ccsOptions(): { host: string; port: number; tls: { ca: string }; senderId: string; apiKey: string };
  /**
   * Registers a device with an app.
   *
   * @throws {InvalidOptionsError} An option is invalid.
   */
  createDevice(options?: DeviceOptions): EmulatedDevice;
  /** Returns a device by its ID. */
  device(id: string): EmulatedDevice | undefined;
  /** Returns the device that a token belongs to. */
  deviceOf(token: string): EmulatedDevice | undefined;
  /** Time of the service. Unit: milliseconds since the epoch. */
  now(): number;
  /** Advances the time of the service at once: messages expire, throttled ones are delivered. Unit: milliseconds. */
  advance(byMs: number): void;
  /** Returns devices, groups, stored and captured messages as plain data. */
  saveState(): EmulatorState;
  /**
   * Replaces the state by a saved one. Connections stay open.
   *
   * @throws {InvalidOptionsError} The value is not a saved state; nothing is changed.
   */
  loadState(state: EmulatorState): void;
  /**
   * Removes devices, messages, groups and faults, and resets quotas to their initial values. Connections stay open, and the clock remains
   * as far ahead as `advance()` has moved it.
   */
  reset(): void;
  /**
   * Closes every connection and port, and writes the state file if there is one. Every call returns the same promise.
   *
   * @throws {StateNotSavedError} The state file could not be written; everything is closed nevertheless.
   * @throws {ProtocolViolationError} With `strict`: a client violated the protocol; everything is closed nevertheless.
   */
  close(): Promise<void>;
}
