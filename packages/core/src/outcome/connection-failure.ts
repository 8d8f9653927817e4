import { codeOfError, describeError } from "./describe-error.ts";
import { type ErrorCode, errorRow } from "./error-code.ts";

/** Code of a failure to connect. All but `connection-failed` last until the configuration is corrected. */
export type ConnectionFailureCode = Extract<
  ErrorCode,
  "connection-failed" | "untrusted-certificate" | "wrong-protocol"
>;

/** A connection that did not come about. */
export interface ConnectionFailure {
  readonly code: ConnectionFailureCode;
  /** Address, cause and, where waiting does not help, the cure. */
  readonly detail: string;
}

/**
 * Node's and OpenSSL's names for a certificate that is not accepted. Not among them: `CERT_NOT_YET_VALID`, which passes.
 *
 * Source: https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const CERTIFICATE_ERRORS: ReadonlySet<string> = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** OpenSSL's reasons for a far end that speaks no TLS, or none that both sides know. */
const PROTOCOL_ERRORS =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|HTTPS_PROXY_REQUEST|UNKNOWN_PROTOCOL|UNSUPPORTED_PROTOCOL|UNEXPECTED_MESSAGE|NO_PROTOCOLS_AVAILABLE|\w+_ALERT_(PROTOCOL_VERSION|HANDSHAKE_FAILURE|NO_APPLICATION_PROTOCOL|UNEXPECTED_MESSAGE|UNRECOGNIZED_NAME|INSUFFICIENT_SECURITY))$/;

/** Code of an error that ended the making of a connection. An error that has one of these codes already keeps it. */
export function connectionFailureCode(error: unknown): ConnectionFailureCode {
  const code = codeOfError(error) ?? "";
  if (code === "untrusted-certificate" || code === "wrong-protocol") return code;
  if (CERTIFICATE_ERRORS.has(code)) return "untrusted-certificate";
  return PROTOCOL_ERRORS.test(code) ? "wrong-protocol" : "connection-failed";
}

/**
 * A failure to connect for an outcome.
 *
 * @param address Origin or `host:port` of the far end.
 * @param error Cause: an error, or words.
 * @param code Default: read from the error.
 */
export function connectionFailure(
  address: string,
  error: unknown,
  code: ConnectionFailureCode = connectionFailureCode(error),
): ConnectionFailure {
  const detail = `no connection to ${address}: ${describeError(error)}`;
  return { code, detail: code === "connection-failed" ? detail : `${detail} – ${errorRow(code).action}` };
}
