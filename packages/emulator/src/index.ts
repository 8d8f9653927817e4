// The public list, name by name: what users need first comes first.

export { GOOGLE_HOSTS } from "./certificates.ts";
// devices
export {
  type DeviceOptions,
  type EmulatedDevice,
  type SendUpstreamOptions,
  UpstreamLostError,
  type UpstreamSend,
} from "./emulated-device.ts";
export type { EmulatorEvent, EmulatorEvents, EmulatorListener } from "./events.ts";
// what goes wrong
export {
  type CutFault,
  type Faults,
  type FaultView,
  HTTP_FAULT_KINDS,
  type HttpFault,
  type HttpFaultKind,
  type LoginFault,
  type LoginFaultKind,
  type NextFault,
  type RandomFault,
  type RequestFault,
} from "./faults.ts";
// what arrived
export type { Inbox, WaitForCount, WaitForOptions } from "./inbox/store.ts";
export type { DeviceMessage, DeviceView } from "./model/devices.ts";
export type { Address, CapturedMessage, Door, MessageState, TimelineEntry } from "./model/message.ts";
// how it behaves
export type { Profile } from "./model/profile.ts";
export { DeviceQueueFullError } from "./model/service.ts";
export type { EvictionRule } from "./model/storage.ts";
export type { BucketRules, DeviceRateRules } from "./model/throttling.ts";
export type { CcsOptions, EmulatorOptions, ThrottlingOptions } from "./schemas.ts";
// CCS
export type { DrainOptions, EmulatedCcs, EmulatedConnection } from "./servers/ccs.ts";
export type { CcsPhase } from "./servers/ccs-connection.ts";
export type { ElementStyle } from "./servers/ccs-stanzas.ts";
export type { ApiKey } from "./servers/credentials.ts";
export type { ValidationStyle } from "./servers/gcm-http.ts";
export { type Emulator, startEmulator } from "./start-emulator.ts";
export type { EmulatorStats } from "./stats.ts";
