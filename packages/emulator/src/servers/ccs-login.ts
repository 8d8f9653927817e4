import type { Credentials } from "./credentials.ts";

/** What a login says. */
interface Login {
  readonly senderId: string;
  readonly secret: string;
}

/** With or without the domain: most XMPP libraries send the local part alone. Source: docs/emulator-fidelity.md#ccs */
const LOGIN_NAME = /^(\d{1,20})(?:@(?:gcm|fcm)\.googleapis\.com)?$/;

/**
 * Checks the text of `<auth>`: by PLAIN an API key, by X-OAUTH2 an access token, both written as NUL, name, NUL, secret.
 *
 * @returns The sender, or the SASL condition that says why not.
 */
export function checkLogin(
  mechanism: string | undefined,
  base64: string,
  credentials: Credentials,
): { readonly senderId: string } | "invalid-mechanism" | "not-authorized" {
  switch (mechanism) {
    case "PLAIN": {
      const login = readLogin(base64);
      return login !== undefined && credentials.checkFor(login.secret, login.senderId) ? login : "not-authorized";
    }
    case "X-OAUTH2": {
      const login = readLogin(base64);
      return login !== undefined && credentials.checkBearer(login.secret) ? login : "not-authorized";
    }
    // offered as the service did; the tokens of ClientLogin that it took are given out no more
    case "X-GOOGLE-TOKEN":
      return "not-authorized";
    default:
      return "invalid-mechanism";
  }
}

/** `undefined` when it is not a login of an app server. */
function readLogin(base64: string): Login | undefined {
  const [, name, secret, ...rest] = Buffer.from(base64.trim(), "base64").toString("utf8").split("\0");
  if (name === undefined || secret === undefined || secret === "" || rest.length > 0) return undefined;
  const senderId = LOGIN_NAME.exec(name)?.[1];
  return senderId === undefined ? undefined : { senderId, secret };
}
