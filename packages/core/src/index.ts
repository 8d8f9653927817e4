// The public list, name by name: what users need first comes first.

export {
  type EmulatorAddress,
  type EmulatorProcess,
  findEmulator,
  readEmulatorCa,
} from "./environment/emulator-environment.ts";
export { isLoopback } from "./environment/loopback.ts";
export { type Environment, type EnvironmentProxies, environmentProxies, proxyProblem } from "./environment/proxy.ts";
export {
  AbortedError,
  type AnyCloudMessagingError,
  AuthenticationError,
  ClosedError,
  CloudMessagingError,
  ConnectionError,
  type FieldProblem,
  InvalidMessageError,
  InvalidOptionsError,
  InvalidRegistrationError,
  isCloudMessagingError,
  RegistrationStoreError,
  StoreFullError,
  TooManyWaitingError,
} from "./errors.ts";
export { type CloudMessagingEvents, type EventName, eventChannel, publish, subscribe } from "./events.ts";
export {
  type Android,
  type AndroidLightSettings,
  type AndroidNotification,
  AndroidNotificationSchema,
  AndroidSchema,
} from "./message/android.ts";
export {
  type AndroidV2,
  type AndroidV2Notification,
  type AndroidV2RemoteNotification,
  AndroidV2Schema,
} from "./message/android-v2.ts";
export { type Apns, type ApnsPayload, ApnsSchema } from "./message/apns.ts";
export {
  type ConditionNode,
  ConditionSyntaxError,
  isTopicName,
  MAX_CONDITION_TOPICS,
  matchesCondition,
  parseCondition,
} from "./message/condition.ts";
export { type ControlMessage, ControlMessageSchema } from "./message/control.ts";
export { type DataValue, toData } from "./message/data.ts";
// messages
export {
  type DownstreamMessage,
  type DownstreamMessageInput,
  DownstreamMessageSchema,
  MAX_TIME_TO_LIVE_SEC,
  type MessageContent,
  MessageContentSchema,
  parseDownstreamMessage,
  parseMessageContent,
  refuseV1Only,
} from "./message/downstream.ts";
export { fidProblem, isFid, isTokenOfInstallation } from "./message/fid.ts";
export type { JsonValue } from "./message/json.ts";
export { type Notification, NotificationSchema } from "./message/notification.ts";
export {
  isReservedDataKey,
  MAX_PAYLOAD_BYTES,
  MAX_TOPIC_PAYLOAD_BYTES,
  payloadBytes,
} from "./message/payload.ts";
export { type DeliveryReceipt, DeliveryReceiptSchema } from "./message/receipt.ts";
export { recipientsOf, type Target, type TargetInput, TargetSchema, tokensOf } from "./message/target.ts";
export {
  MAX_TOKEN_LENGTH,
  type RegistrationToken,
  RegistrationTokenSchema,
  redactToken,
  tokenProblem,
} from "./message/token.ts";
export { type UpstreamMessage, UpstreamMessageSchema } from "./message/upstream.ts";
export { type Webpush, WebpushSchema } from "./message/webpush.ts";
export { codeOfError, describeError, isErrorLike, nameOfError } from "./outcome/describe-error.ts";
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorRow,
  errorRow,
  isSuspectCode,
  type SuspectCode,
  type Verdict,
  type WireVocabulary,
} from "./outcome/error-code.ts";
export { errorCodeFor, errorCodeForHttpStatus, narrowErrorCode, wireStringFor } from "./outcome/error-lookup.ts";
// what became of it
export {
  type AcceptedOutcome,
  type AmbiguousOutcome,
  ambiguousOutcome,
  countOutcomes,
  type FailureFacts,
  failureOutcome,
  type GroupResult,
  type OutcomeBase,
  type OutcomeCounts,
  type OutcomeKind,
  outcomeKindFor,
  type RecipientOutcome,
  type RejectedOutcome,
  type RetryableOutcome,
  type SendReport,
  type ServiceAnswer,
  type UnregisteredOutcome,
  withUnansweredCopies,
} from "./outcome/outcome.ts";
export { serviceText, withoutSecrets } from "./outcome/service-text.ts";
export { AbortSignalSchema, ClockSchema, type InputWording, type Reading, readInput, readOptions } from "./problems.ts";
export { RecentMap } from "./recent-map.ts";
// registrations
export {
  createMemoryRegistrationStore,
  type MemoryRegistrationStore,
  type MemoryRegistrationStoreOptions,
} from "./registrations/memory-registration-store.ts";
export {
  applyReport,
  type MaybePromise,
  type Registration,
  type RegistrationChange,
  type RegistrationStore,
  type RemovalReason,
} from "./registrations/registration-store.ts";
// parts: a transport of one's own, retries, time
export { type BackoffDelays, type BackoffPolicy, type BackoffState, nextDelayMs } from "./retry/backoff.ts";
export { lifeEndsAt, withLifeLeft } from "./retry/lifetime.ts";
export { defaultAmbiguousPolicy, type RetryOptions, withRetry } from "./retry/retry.ts";
export { parseRetryAfter, readRetryAfter } from "./retry/retry-after.ts";
export { refusedRecipient } from "./sending/addressed-message.ts";
// sending
export { createSender } from "./sending/create-sender.ts";
export type {
  AmbiguousPolicy,
  AttemptOptions,
  DownstreamTransport,
  LifeStart,
} from "./sending/downstream-transport.ts";
export { createMessageIds } from "./sending/message-id.ts";
export type {
  CreateSenderOptions,
  SendAllOptions,
  SendAllOutcome,
  SendAllProgress,
  SendAllRecipient,
  SendEachOptions,
  SendEachOutcome,
  Sender,
  SenderOptions,
  SendOptions,
} from "./sending/sender.ts";
export { SENDER_OPTION_NAMES } from "./sending/sender-options.ts";
export { isAbortSignal, onAbort } from "./time/abort.ts";
export {
  type CancelTimer,
  type Clock,
  createManualClock,
  elapsedMs,
  type ManualClock,
  type Random,
  systemClock,
  timeLeftMs,
  wait,
} from "./time/clock.ts";
export {
  earlier,
  LONG_AGO,
  later,
  type MonotonicInstant,
  monotonicInstant,
  msBetween,
  NEVER,
  plusMs,
} from "./time/monotonic.ts";

// the wire, for transports and the emulator
export {
  type AckFrame,
  CCS_MAX_PENDING,
  type CcsClientAck,
  CcsClientAckSchema,
  type CcsDownstream,
  CcsDownstreamSchema,
  type CcsFrame,
  GCM_NAMESPACE,
  type NackFrame,
  parseCcsFrame,
} from "./wire/ccs.ts";
export { parseExactJson, stringifyExactJson } from "./wire/exact-json.ts";
export {
  APNS_ERROR_TYPE,
  BAD_REQUEST_TYPE,
  FCM_ERROR_TYPE,
  type FcmV1Android,
  type FcmV1AndroidNotification,
  FcmV1AndroidNotificationSchema,
  FcmV1AndroidSchema,
  type FcmV1AndroidV2,
  type FcmV1AndroidV2Notification,
  FcmV1AndroidV2NotificationSchema,
  FcmV1AndroidV2Schema,
  type FcmV1Apns,
  FcmV1ApnsSchema,
  type FcmV1ErrorDetail,
  FcmV1ErrorDetailSchema,
  type FcmV1ErrorResponse,
  FcmV1ErrorResponseSchema,
  type FcmV1Message,
  FcmV1MessageSchema,
  type FcmV1SendRequest,
  FcmV1SendRequestSchema,
  type FcmV1SendResponse,
  FcmV1SendResponseSchema,
  type FcmV1Webpush,
  FcmV1WebpushSchema,
  QUOTA_FAILURE_TYPE,
  toSnakeCaseFields,
} from "./wire/fcm-v1.ts";
export { encodeGcmOptions, type GcmOptions } from "./wire/gcm-codec.ts";
export {
  type GcmGroupResponse,
  GcmGroupResponseSchema,
  type GcmHttpRequest,
  GcmHttpRequestSchema,
  type GcmHttpResult,
  GcmHttpResultSchema,
  type GcmMulticastResponse,
  GcmMulticastResponseSchema,
  type GcmNotification,
  GcmNotificationSchema,
  type GcmTopicResponse,
  GcmTopicResponseSchema,
} from "./wire/gcm-http.ts";
export {
  type ApnsImportRequest,
  ApnsImportRequestSchema,
  type DeviceGroupRequest,
  DeviceGroupRequestSchema,
  type TopicBatchRequest,
  TopicBatchRequestSchema,
} from "./wire/management.ts";
export {
  JWT_BEARER_GRANT,
  MESSAGING_SCOPE,
  type OAuthErrorResponse,
  OAuthErrorResponseSchema,
  type OAuthTokenResponse,
  OAuthTokenResponseSchema,
  type ServiceAccountKey,
  ServiceAccountKeySchema,
} from "./wire/oauth.ts";
