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
export type { AmbiguousPolicy, LifeStart } from "./sending/downstream-transport.ts";
export type { BackoffPolicy } from "./retry/backoff.ts";

// Messages
export {
  type DownstreamMessageInput,
  type SingleMessageInput,
  type MessageContent,
  parseDownstreamMessage,
  parseMessageContent,
  type DownstreamMessage,
} from "./message/downstream.ts";
export type { TargetInput, SingleTargetInput, Target } from "./message/target.ts";
export { type RegistrationToken, redactToken } from "./message/token.ts";
export type { InstallationId } from "./message/fid.ts";
export type { Notification } from "./message/notification.ts";
export type { Android, AndroidNotification, AndroidLightSettings } from "./message/android.ts";
export type { AndroidV2, AndroidV2Notification, AndroidV2RemoteNotification } from "./message/android-v2.ts";
export type { Apns, ApnsPayload } from "./message/apns.ts";
export type { Webpush } from "./message/webpush.ts";
export type { JsonValue } from "./message/json.ts";
export { type DataValue, toData } from "./message/data.ts";

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
  type OutcomeBase,
  type OutcomeKind,
  type OutcomeCounts,
  countOutcomes,
  type GroupResult,
  type ServiceAnswer,
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
export type {
  RegistrationStore,
  PageQuery,
  RegistrationQuery,
  RegistrationPage,
  UserPage,
  RegistrationCounts,
  RemovedPage,
  Resolution,
  ChangeQuery,
  ChangePage,
} from "./registrations/registration-store.ts";
export type {
  Registration,
  RegistrationDetails,
  RegisterOptions,
  TokenOwner,
  RegistrationChange,
  ChangeBase,
  RemovalReason,
  Suspicion,
  SuspectRemoval,
  TokenState,
  Revision,
  RegistrationVerdict,
} from "./registrations/registration.ts";
export type { MaybePromise } from "./registrations/maybe-promise.ts";
export type { SuspectCode } from "./outcome/error-code.ts";

// Health
export type {
  Health,
  HealthError,
  SenderHealth,
  OutboxHealth,
  ConnectionHealth,
  QuotaHealth,
  TransportHealth,
} from "./health.ts";

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
export {
  operationChannel,
  type CloudMessagingOperations,
  type OperationName,
  type OperationBase,
  type SendOperation,
  type AttemptOperation,
  type WaitOperation,
  type UpstreamOperation,
  type EnqueueOperation,
  type ClaimOperation,
  type GatewayOperation,
  type OutcomeSummary,
  type TargetKind,
  type TraceCarrier,
} from "./operations.ts";

// Time and chance, for tests
export {
  type Clock,
  type ManualClock,
  createManualClock,
  systemClock,
  type CancelTimer,
  type Random,
} from "./time/clock.ts";
export type { MonotonicInstant } from "./time/monotonic.ts";
