import type { Login } from "../service.ts";

/** With or without the domain: most XMPP libraries send the local part alone. Source: docs/emulator-fidelity.md#ccs */
const LOGIN_NAME = /^(\d{1,20})(?:@(?:gcm|fcm)\.googleapis\.com)?$/;

/** Credentials of a CCS login. */
export interface CcsLogin extends Login {
  readonly senderId: string;
}

/**
 * Reads the text of `<auth>`: by PLAIN an API key, by X-OAUTH2 an access token, both written as NUL, name, NUL, secret.
 *
 * @returns The credentials, or the SASL condition of the refusal.
 */
export function readLogin(
  mechanism: string | undefined,
  base64: string,
): CcsLogin | "invalid-mechanism" | "not-authorized" {
  switch (mechanism) {
    case "PLAIN":
      return credentialsOf(base64, "api-key") ?? "not-authorized";
    case "X-OAUTH2":
      return credentialsOf(base64, "access-token") ?? "not-authorized";
    // offered as the service did; the tokens of ClientLogin that it took are given out no more
    case "X-GOOGLE-TOKEN":
      return "not-authorized";
    default:
      return "invalid-mechanism";
  }
}

/** `undefined` if it is not a login of an app server. */
function credentialsOf(base64: string, kind: Login["kind"]): CcsLogin | undefined {
  const [, name, secret, ...rest] = Buffer.from(base64.trim(), "base64").toString("utf8").split("\0");
  if (name === undefined || secret === undefined || secret === "" || rest.length > 0) return undefined;
  const senderId = LOGIN_NAME.exec(name)?.[1];
  return senderId === undefined ? undefined : { protocol: "ccs", kind, secret, senderId };
}
