// Names for authors of transports, stores, senders and façades.

// The contract
export type {
  DownstreamTransport,
  AttemptOptions,
  OutcomeListener,
  LifeStart,
} from "./sending/downstream-transport.ts";

// Senders over a transport
export { createSender } from "./sending/create-sender.ts";
export { createSenderOver } from "./sending/sender-over.ts";
export type { CreateSenderOptions } from "./sending/sender.ts";
export { divideOptions, type DividedOptions, SENDER_OPTION_NAMES } from "./sending/sender-options.ts";
export { createMessageIds } from "./sending/message-id.ts";
export { refusedRecipient } from "./sending/addressed-message.ts";

// Retries
export { withRetry, type RetryOptions, defaultAmbiguousPolicy } from "./retry/with-retry.ts";
export { createRetrier, type Retrier } from "./retry/retrier.ts";
export type { CallResult, RetriedCall, RetrierParts } from "./retry/retried-call.ts";
export {
  disposition,
  type Disposition,
  type DeadCause,
  type DispositionState,
  isRefusalOfSender,
} from "./retry/disposition.ts";
export { resolvePolicy } from "./retry/retry-policy.ts";
export { nextDelayMs, type BackoffDelays, type BackoffState } from "./retry/backoff.ts";
export { parseRetryAfter, readRetryAfter } from "./retry/retry-after.ts";
export { lifeEndsAt, withLifeLeft } from "./retry/lifetime.ts";

// Outcomes
export {
  failureOutcome,
  outcomeAbout,
  ambiguousOutcome,
  type FailureFacts,
  outcomeKindFor,
  withUnansweredCopies,
  type FailedOutcome,
  type OutcomeBase,
  type OutcomeCounts,
  type ServiceAnswer,
} from "./outcome/outcome.ts";
export {
  ERROR_CODES,
  errorRow,
  type ErrorRow,
  type Verdict,
  type WireVocabulary,
  isSuspectCode,
  type SuspectCode,
} from "./outcome/error-code.ts";
export { codeOfError, describeError, isErrorLike, nameOfError } from "./outcome/describe-error.ts";
export {
  type ConnectionFailure,
  type ConnectionFailureCode,
  connectionFailure,
  connectionFailureCode,
} from "./outcome/connection-failure.ts";
export { Reachability } from "./outcome/reachability.ts";
export { serviceText, withoutSecrets } from "./outcome/service-text.ts";
export { shownPath } from "./shown-path.ts";

// Registrations
export { withRegistrations, type RegistrationsOptions } from "./registrations/with-registrations.ts";
export { applyReport, type ApplyReportOptions } from "./registrations/apply-report.ts";

// Registration stores
export type {
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
  TokenOwner,
  ChangeBase,
  RemovalReason,
  Suspicion,
  TokenState,
  Revision,
  RegistrationVerdict,
} from "./registrations/registration.ts";
export type { MaybePromise } from "./registrations/maybe-promise.ts";
export {
  NOT_STORED,
  registrationOfColumns,
  stateOfColumns,
  type Columns,
} from "./registrations/registration-columns.ts";
export {
  readRegistration,
  type ReadRegistration,
  checkQuery,
  isUserId,
  canBeRegistered,
  unknownCursor,
  MAX_USER_ID_LENGTH,
  MAX_ATTRIBUTES,
} from "./registrations/read-registration.ts";
export {
  registrationRules,
  installationOf,
  toRegistration,
  type RegistrationTables,
  type StoredRegistration,
  type NewChange,
} from "./registrations/registration-rules.ts";

// Outbox
export { createOutbox } from "./outbox/create-outbox.ts";
export type {
  Outbox,
  OutboxOptions,
  CreateOutboxOptions,
  EnqueueOptions,
  EnqueueAllOptions,
  CampaignRecipient,
  Enqueued,
  Rate,
  OutboxProgress,
  OutboxResult,
  ResultOptions,
  ReplayOptions,
  WorkOptions,
} from "./outbox/outbox.ts";
export type { OutboxEncryption } from "./outbox/sealing.ts";

// Outbox engines
export {
  createMemoryOutboxEngine,
  type MemoryOutboxEngineOptions,
} from "./outbox/memory-engine.ts";
export type {
  OutboxEngine,
  NewSubmission,
  NewChunk,
  NewResult,
  Submitted,
  Addition,
  Appended,
  Submission,
  SubmissionState,
  SubmissionChange,
  Pace,
  ClaimRequest,
  Claim,
  ClaimedChunk,
  LeaseRef,
  ChunkUpdate,
  LeaseStatus,
  StoredChunk,
  ResultQuery,
  StoredResult,
  Backlog,
} from "./outbox/engine.ts";
export { heldBackUntil, paceAfterClaim, type PaceState } from "./outbox/pace.ts";
export { checkResultCursor } from "./outbox/results.ts";

// Messages
export { LONE_SURROGATE } from "./message/text.ts";
export { recipientsOf, tokensOf, type SingleTargetInput, type Target } from "./message/target.ts";
export { tokenProblem, MAX_TOKEN_LENGTH } from "./message/token.ts";
export { fidProblem, isFid, isTokenOfInstallation } from "./message/fid.ts";
export {
  isTopicName,
  MAX_CONDITION_TOPICS,
  parseCondition,
  matchesCondition,
  type ConditionNode,
  ConditionSyntaxError,
} from "./message/condition.ts";
export { refuseV1Only, parseDownstreamMessage, parseMessageContent } from "./message/downstream.ts";
export { MAX_TIME_TO_LIVE_SEC } from "./message/time-to-live.ts";
export { MAX_PAYLOAD_BYTES, MAX_TOPIC_PAYLOAD_BYTES, payloadBytes, isReservedDataKey } from "./message/payload.ts";
export type { AndroidNotification, AndroidLightSettings } from "./message/android.ts";
export type { AndroidV2Notification, AndroidV2RemoteNotification } from "./message/android-v2.ts";
export { type ApnsPayload, apnsPushType } from "./message/apns.ts";
export type { DataValue } from "./message/data.ts";

// Options
export {
  readOptions,
  readInput,
  requireOptions,
  checkSignalOptions,
  type InputWording,
  type Reading,
  AbortSignalSchema,
  ClockSchema,
} from "./problems.ts";

// Environment
export {
  findEmulator,
  type EmulatorAddress,
  type EmulatorProcess,
  readEmulatorCa,
} from "./environment/emulator-environment.ts";
export { environmentProxy, type ProxiedConnection, type Environment, proxyProblem } from "./environment/proxy.ts";
export { openTunnel, type TunnelOptions, type TunnelRequests } from "./environment/tunnel.ts";
export { TlsSchema, verifiedTls } from "./environment/tls.ts";
export { processWide } from "./environment/process-wide.ts";
export { authorityOf, hostInUrl } from "./environment/authority.ts";
export { isLoopback } from "./environment/loopback.ts";
export { type PortRequest, portError } from "./environment/port-error.ts";

// Events
export { publish, eventChannel } from "./events.ts";
export { callListener } from "./call-listener.ts";
export {
  traced,
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

// Warnings
export { warn, type Warner, type WarningCode } from "./warning.ts";

// Health
export {
  healthSources,
  type HealthSource,
  type HealthError,
  type ConnectionHealth,
  type QuotaHealth,
  type TransportHealth,
} from "./health.ts";

// Time
export {
  monotonicInstant,
  plusMs,
  msBetween,
  earlier,
  later,
  NEVER,
  LONG_AGO,
  type MonotonicInstant,
} from "./time/monotonic.ts";
export { elapsedMs, timeLeftMs, wait, systemClock, type CancelTimer } from "./time/clock.ts";
export { paced, type PacedOptions } from "./time/paced.ts";
export { nextTurn, type CancelTurn, isFakeImmediate } from "./time/next-turn.ts";
export { onAbort, isAbortSignal } from "./time/abort.ts";

// Optional packages
export { loadOptionalPackage } from "./optional-package.ts";
export { MissingPackageError } from "./errors.ts";

// JSON
export { isJsonObject } from "./json-object.ts";

// Optional fields
export { defined, type Defined } from "./defined.ts";

// Memory of short-lived entries
export { RecentMap } from "./recent-map.ts";
export { ChurningMap } from "./churning-map.ts";
export { ChurningSet } from "./churning-set.ts";

// Schemas: the part of zod that they are made of
export * as z from "./zod.ts";
export { recordOf } from "./message/json.ts";
