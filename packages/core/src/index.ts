// Names for applications, in the order in which a reader needs them.

// Sending
export type {
  Sender,
  SenderOptions,
  SendOptions,
  SendAllOptions,
  SendAllRecipient,
  SendAllOutcome,
  SendAllProgress,
  SendEachOptions,
  SendEachOutcome,
} from "./sending/sender.ts";
export type { AmbiguousPolicy } from "./sending/downstream-transport.ts";
export type { BackoffPolicy } from "./retry/backoff.ts";

// Messages
export type {
  DownstreamMessageInput,
  SingleMessageInput,
  MessageContent,
  DownstreamMessage,
} from "./message/downstream.ts";
export type { TargetInput } from "./message/target.ts";
export { type RegistrationToken, redactToken } from "./message/token.ts";
export type { InstallationId } from "./message/fid.ts";
export type { Notification } from "./message/notification.ts";
export type { Android } from "./message/android.ts";
export type { AndroidV2 } from "./message/android-v2.ts";
export type { Apns } from "./message/apns.ts";
export type { Webpush } from "./message/webpush.ts";
export type { JsonValue } from "./message/json.ts";
export { toData } from "./message/data.ts";

// Outcomes
export {
  type SendReport,
  type SingleSendReport,
  type RecipientOutcome,
  type AcceptedOutcome,
  type UnregisteredOutcome,
  type RetryableOutcome,
  type AmbiguousOutcome,
  type RejectedOutcome,
  type OutcomeKind,
  countOutcomes,
  type GroupResult,
} from "./outcome/outcome.ts";
export type { ErrorCode } from "./outcome/error-code.ts";

// Messages from devices
export type { UpstreamMessage } from "./message/upstream.ts";
export type { DeliveryReceipt } from "./message/receipt.ts";

// Registrations
export {
  createMemoryRegistrationStore,
  type MemoryRegistrationStore,
  type MemoryRegistrationStoreOptions,
} from "./registrations/memory-registration-store.ts";
export {
  audience,
  type AudienceOptions,
  prune,
  type PruneOptions,
  sweep,
  type SweepOptions,
} from "./registrations/audience.ts";
export { followChanges, type FollowChangesOptions } from "./registrations/follow-changes.ts";
export type { RegistrationStore } from "./registrations/registration-store.ts";
export type {
  Registration,
  RegistrationDetails,
  RegisterOptions,
  RegistrationChange,
  SuspectRemoval,
} from "./registrations/registration.ts";

// Health
export type { Health, SenderHealth, OutboxHealth } from "./health.ts";

// Connections
export type { TlsOptions } from "./environment/tls.ts";

// Errors
export {
  isCloudMessagingError,
  type AnyCloudMessagingError,
  CloudMessagingError,
  type FieldProblem,
  InvalidMessageError,
  InvalidOptionsError,
  InvalidRegistrationError,
  AbortedError,
  ClosedError,
  TooManyWaitingError,
  AuthenticationError,
  ConnectionError,
  RegistrationStoreError,
  StoreFullError,
  ChangesLostError,
  OutboxFullError,
  OutboxStorageError,
} from "./errors.ts";

// Events
export { subscribe, type CloudMessagingEvents, type EventName } from "./events.ts";
export { operationChannel, type CloudMessagingOperations, type OperationName } from "./operations.ts";

// Time and chance, for tests
export { type Clock, type ManualClock, createManualClock, type Random } from "./time/clock.ts";
