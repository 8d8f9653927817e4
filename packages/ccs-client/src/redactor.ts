import { redactToken } from "@cloud-messaging/core";
import { serviceText, withoutSecrets } from "@cloud-messaging/core/transport";

/** Matches registration tokens; IDs and names are shorter. */
const TOKEN_LIKE = /[A-Za-z0-9_:-]{48,}/g;

/**
 * Creates a redactor for text from a server: removes the API key, the SASL PLAIN answer and proxy credentials, shortens registration tokens,
 * bounds the length and removes control characters (see `serviceText`).
 */
export function createRedactor(login: string, apiKey: string, proxy?: string): (text: string) => string {
  // without padding, which a server may omit
  const saslAnswer = Buffer.from(`\0${login}\0${apiKey}`, "utf8").toString("base64").replace(/=+$/, "");
  const ofProxy = proxy === undefined ? [] : secretsOf(new URL(proxy));
  return (text) =>
    serviceText(
      withoutSecrets(text, ofProxy)
        .replaceAll(saslAnswer, "[SASL answer]")
        .replaceAll(apiKey, "[API key]")
        .replace(TOKEN_LIKE, (token) => redactToken(token)),
    );
}

function secretsOf({ username, password }: URL): string[] {
  const [name, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
  return secret === "" ? [] : [secret, password, Buffer.from(`${name}:${secret}`, "utf8").toString("base64")];
}
