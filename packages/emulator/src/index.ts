// Public names.

export type {
  Address,
  CcsPhase,
  DrainOptions,
  ElementStyle,
  Platform,
  Protocol,
  ValidationStyle,
} from "@cloud-messaging/connection-server";
export {
  type DeviceOptions,
  type EmulatedDevice,
  type SendUpstreamOptions,
  UpstreamLostError,
  type UpstreamSend,
} from "./emulated-device.ts";
export { type Emulator, ProtocolViolationError } from "./emulator.ts";
export type { EmulatorEvent, EmulatorEvents, EmulatorEventType, EmulatorListener } from "./events.ts";
export {
  type CutFault,
  type DrainFault,
  type FaultEndpoint,
  type Faults,
  type FaultView,
  HTTP_FAULT_KINDS,
  type Http2FaultKind,
  type HttpFault,
  type HttpFaultEndpoint,
  type HttpFaultKind,
  type LoginFault,
  type LoginFaultKind,
  type NextFault,
  type RandomFault,
  type RequestFault,
} from "./faults/faults.ts";
export type { Inbox, WaitForCount, WaitForOptions } from "./inbox/store.ts";
export type { DeviceMessage } from "./model/app-instance.ts";
export { DeviceQueueFullError } from "./model/device-upstream.ts";
export type { DeviceView } from "./model/devices.ts";
export type { CapturedMessage, MessageState, TimelineEntry } from "./model/message.ts";
export type { Profile } from "./model/profile.ts";
export type { QuotaLimits, RetryAfterForm } from "./model/quotas.ts";
export type { EvictionRule } from "./model/storage.ts";
export type { BucketRules, DeviceRateRules } from "./model/throttling.ts";
export type { CcsOptions, EmulatorOptions, QuotaOptions, ThrottlingOptions, TlsOptions } from "./options.ts";
export { GOOGLE_HOSTS } from "./redirect/google-hosts.ts";
export type { EmulatedCcs, EmulatedConnection } from "./servers/ccs.ts";
export type { ApiKey } from "./servers/credentials.ts";
export type { EmulatedFcm } from "./servers/fcm-accounts.ts";
export { startEmulator } from "./start-emulator.ts";
export type { EmulatorState } from "./state/schema.ts";
export { StateNotSavedError } from "./state/state-file.ts";
export type { EmulatorStats } from "./stats.ts";
