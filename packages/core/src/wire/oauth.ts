import * as z from "../zod.ts";

/** OAuth2 scope of an access token for sending. Source: docs/protocol/fcm-v1.md#authentication */
export const MESSAGING_SCOPE = "https://www.googleapis.com/auth/firebase.messaging";

/** `grant_type` of the service-account grant. */
export const JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/**
 * A service-account key as Google hands it out, in a JSON file. What is not used for sending is left alone.
 *
 * Source: docs/protocol/fcm-v1.md#authentication
 */
export const ServiceAccountKeySchema = z.looseObject({
  type: z.literal("service_account").optional(),
  project_id: z.string().min(1).optional(),
  private_key_id: z.string().optional(),
  /** PKCS #8 in PEM. A secret. */
  private_key: z.string().min(1),
  client_email: z.string().min(1),
  /** URL of the token endpoint. */
  token_uri: z.string().min(1).optional(),
});
/** Type of `ServiceAccountKeySchema`. */
export type ServiceAccountKey = z.output<typeof ServiceAccountKeySchema>;

/** The token endpoint's answer. */
export const OAuthTokenResponseSchema = z.looseObject({
  access_token: z.string().min(1),
  /** Unit: seconds. Some endpoints write it as text; one that cannot be read says nothing, and loses no token. */
  expires_in: z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
    .optional()
    .catch(undefined),
  token_type: z.string().optional(),
});
/** Type of `OAuthTokenResponseSchema`. */
export type OAuthTokenResponse = z.output<typeof OAuthTokenResponseSchema>;

/** The token endpoint's refusal. */
export const OAuthErrorResponseSchema = z.looseObject({
  error: z.string(),
  error_description: z.string().optional(),
});
/** Type of `OAuthErrorResponseSchema`. */
export type OAuthErrorResponse = z.output<typeof OAuthErrorResponseSchema>;
