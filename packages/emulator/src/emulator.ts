import type { ServiceAccountKey } from "@cloud-messaging/core/wire";
import type { DeviceOptions, EmulatedDevice } from "./emulated-device.ts";
import type { EmulatorEvents } from "./events.ts";
import type { Faults } from "./faults/faults.ts";
import type { Inbox } from "./inbox/store.ts";
import type { QuotaLimits } from "./model/quotas.ts";
import type { EmulatorState } from "./schemas.ts";
import type { EmulatedCcs } from "./servers/ccs.ts";
import type { EmulatedFcm } from "./servers/fcm-accounts.ts";
import type { EmulatorStats } from "./stats.ts";

/** A client broke rules of the protocol, and the emulator was told to be strict about it. */
export class ProtocolViolationError extends Error {
  override readonly name = "ProtocolViolationError";
  readonly violations: readonly string[];

  constructor(violations: readonly string[]) {
    super(`A client broke the protocol: ${violations.join("; ")}`);
    this.violations = violations;
  }
}

/** A running emulator. */
export interface Emulator extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: sending, device groups, Instance ID, the control API and the inbox. */
  readonly httpUrl: string;
  /** The same over TLS, HTTP/1.1 and HTTP/2; `undefined` when there is none. */
  readonly httpsUrl: string | undefined;
  /** The CA to trust. PEM. */
  readonly caCertificate: string;
  /** The CCS side: connections, acks by hand, draining. */
  readonly ccs: EmulatedCcs;
  /** What arrived. */
  readonly inbox: Inbox;
  /** What should go wrong. */
  readonly faults: Faults;
  /** What a project may do, and how fast; set a field, and it holds from then on. `Infinity`: no limit. */
  readonly quotas: QuotaLimits;
  /** Service accounts and access tokens of FCM HTTP v1. */
  readonly fcm: EmulatedFcm;
  /** Everything that happens, as it happens. */
  readonly events: EmulatorEvents;
  /** What was done so far. */
  readonly stats: EmulatorStats;
  /** Rules of the protocol that clients broke, in words; the first hundred. */
  readonly violations: readonly string[];
  /** Every app on every device. */
  readonly devices: readonly EmulatedDevice[];
  /** Spread into `createGcmSender`: where to send, and with which key. */
  httpOptions(): { endpoint: string; apiKey: string; allowInsecure?: boolean };
  /** Spread into `createFcmSender`: where to send, whom to trust, and a throw-away service account. */
  fcmOptions(): {
    endpoint: string;
    tls?: { ca: string };
    allowInsecure?: boolean;
    credential: ServiceAccountKey;
    projectId: string;
  };
  /** Spread into `createCcsClient`: where to connect, whom to trust, who to be. */
  ccsOptions(): { host: string; port: number; tls: { ca: string }; senderId: string; apiKey: string };
  /**
   * Makes a device with an app on it.
   *
   * @throws {InvalidOptionsError} naming the option.
   */
  createDevice(options?: DeviceOptions): EmulatedDevice;
  /** A device by its ID. */
  device(id: string): EmulatedDevice | undefined;
  /** The device that a token belongs to. */
  deviceOf(token: string): EmulatedDevice | undefined;
  /** The service's time. Milliseconds since the epoch. */
  now(): number;
  /** Moves the service's time forward, at once: messages expire, throttled ones leave. Unit: milliseconds. */
  advance(byMs: number): void;
  /** Devices, groups, messages that wait and captured ones, as plain data. */
  saveState(): EmulatorState;
  /**
   * Replaces everything by a saved state. Connections stay.
   *
   * @throws {InvalidOptionsError} when it is not one: nothing is changed.
   */
  loadState(state: EmulatorState): void;
  /**
   * Forgets devices, messages, groups and faults, and sets quotas to what they were at the start. Connections stay, and so does the time:
   * the clock is as far ahead as `advance()` has moved it.
   */
  reset(): void;
  /**
   * Ends every connection and frees the ports; writes the state file, if there is one. Every call returns the same promise.
   *
   * @throws {StateNotSavedError} when the state file could not be written; everything is closed all the same.
   * @throws {ProtocolViolationError} with `strict`, when a client broke a rule of the protocol; everything is closed all the same.
   */
  close(): Promise<void>;
}
