// Schemas and codecs of each wire, without I/O.

// Message schemas
export { AndroidNotificationSchema, AndroidSchema } from "./message/android.ts";

export { AndroidV2Schema } from "./message/android-v2.ts";
export { ApnsSchema } from "./message/apns.ts";

export { type ControlMessage, ControlMessageSchema } from "./message/control.ts";
export { DownstreamMessageSchema, MessageContentSchema } from "./message/downstream.ts";

export { NotificationSchema } from "./message/notification.ts";
export { DeliveryReceiptSchema } from "./message/receipt.ts";

export { TargetSchema } from "./message/target.ts";
export { RegistrationTokenSchema } from "./message/token.ts";

export { UpstreamMessageSchema } from "./message/upstream.ts";
export { WebpushSchema } from "./message/webpush.ts";

// Error codes and each wire's words for them
export {
  errorCodeFor,
  errorCodeForHttpStatus,
  legacyWordFor,
  narrowErrorCode,
  wireStringFor,
} from "./outcome/error-lookup.ts";

// CCS
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

// JSON whose large integers keep every digit
export { parseBoundedJson } from "./wire/bounded-json.ts";
export { parseExactJson, stringifyExactJson } from "./wire/exact-json.ts";

// FCM HTTP v1
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

// GCM HTTP
export { encodeGcmOptions, type GcmOptions } from "./wire/gcm-codec.ts";
export { decodeGcmData, decodeGcmOptions } from "./wire/gcm-decode.ts";

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
export { isPlainGcmRequest } from "./wire/plain-gcm-request.ts";

// Topics and device groups
export {
  type ApnsImportRequest,
  ApnsImportRequestSchema,
  type DeviceGroupRequest,
  DeviceGroupRequestSchema,
  type TopicBatchRequest,
  TopicBatchRequestSchema,
} from "./wire/management.ts";
export {
  instanceIdStatus,
  readDeviceGroupRequest,
  readTopicBatch,
  type TopicBatch,
  type UnreadRequest,
} from "./wire/management-requests.ts";

// OAuth2
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
