import { redactToken } from "@cloud-messaging/core";
import { serviceText, withoutSecrets } from "@cloud-messaging/core/transport";

/** Longer than IDs and names are, shorter than any registration token. */
const TOKEN_LIKE = /[A-Za-z0-9_:-]{48,}/g;

/**
 * Makes what a server says fit for an event, an error or an outcome: bounded and without control characters, as `serviceText` says, and
 * without secrets, since a server may repeat what it was told. The API key goes, and the answer to SASL PLAIN, which holds it; what looks
 * like a registration token is shortened.
 */
export function createSecretsFilter(login: string, apiKey: string, proxy?: string): (text: string) => string {
  // padding is no part of the secret, and a server may leave it out
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
