import { AuthenticationError, InvalidOptionsError, type ServiceAccountKey } from "@cloud-messaging/core";
import { type AccessToken, type AccessTokenProvider, checkedToken } from "./access-token.ts";
import { createApplicationDefaultProvider } from "./application-default.ts";
import { ProviderFile, providerFromFile, readJsonFile } from "./provider-file.ts";
import { createServiceAccountProvider, parseServiceAccountKey, type ServiceAccountOptions } from "./service-account.ts";

/** What firebase-admin calls a credential: one of its objects can be used here as it is. */
export interface FirebaseAdminCredential {
  getAccessToken(): Promise<{ readonly access_token: string; readonly expires_in: number }>;
}

/**
 * Who is sending:
 * - the content of a service-account key file, as an object or as JSON text, or the path of one;
 * - `"application-default"`: what the environment offers (GOOGLE_APPLICATION_CREDENTIALS, gcloud, workload identity, Google Cloud);
 * - a function that gets an access token from anywhere else; it is called when a new one is needed;
 * - a credential of firebase-admin.
 *
 * `private_key` and access tokens are secrets: they appear in no error, event or log.
 */
export type FcmCredential =
  | ServiceAccountKey
  | (string & {})
  | "application-default"
  | ((options: { readonly signal: AbortSignal }) => Promise<AccessToken | string>)
  | FirebaseAdminCredential;

/**
 * The provider of a credential.
 *
 * @throws {InvalidOptionsError} it is none of the kinds, or its key cannot be used.
 */
export function createAccessTokenProvider(
  credential: FcmCredential,
  options: ServiceAccountOptions,
): AccessTokenProvider {
  if (credential === "application-default") return createApplicationDefaultProvider(options);
  if (typeof credential === "string") return createProviderOfText(credential, options);
  if (typeof credential === "function") return createFunctionProvider(credential);
  if (typeof credential !== "object" || credential === null) {
    throw new InvalidOptionsError([
      {
        path: "credential",
        problem: `must be a service-account key, the path of one, "application-default" or a function that gets an access token`,
      },
    ]);
  }
  if (isFirebaseAdminCredential(credential)) return createFirebaseAdminProvider(credential, options);
  return createServiceAccountProvider(parseServiceAccountKey(credential), options);
}

function createFunctionProvider(
  getToken: (options: { readonly signal: AbortSignal }) => Promise<AccessToken | string>,
): AccessTokenProvider {
  return {
    async fetchAccessToken(options) {
      return checkedToken(await getToken(options), "the credential function");
    },
  };
}

function isFirebaseAdminCredential(credential: object): credential is FirebaseAdminCredential {
  return "getAccessToken" in credential && typeof credential.getAccessToken === "function";
}

function createFirebaseAdminProvider(
  credential: FirebaseAdminCredential,
  { clock }: ServiceAccountOptions,
): AccessTokenProvider {
  const { projectId } = credential as { projectId?: unknown };
  return {
    ...(typeof projectId === "string" ? { projectId } : {}),
    async fetchAccessToken() {
      const given = ((await credential.getAccessToken()) ?? {}) as { access_token?: unknown; expires_in?: unknown };
      const { access_token: token, expires_in: expiresIn } = given;
      return checkedToken(
        { token, ...(typeof expiresIn === "number" ? { expiresAt: clock.now() + expiresIn * 1000 } : {}) },
        "getAccessToken() of the credential",
      );
    },
  };
}

/** The file is read when the first token is needed, and again until it could be. */
function createKeyFileProvider(path: string, options: ServiceAccountOptions): AccessTokenProvider {
  const file = new ProviderFile(async () => {
    const json = await readJsonFile(path, KEY_FILE);
    return providerFromFile(() => createServiceAccountProvider(parseServiceAccountKey(json), options), KEY_FILE);
  });
  return {
    async fetchAccessToken(fetchOptions) {
      const token = await file.fetchAccessToken(fetchOptions);
      if (token === undefined) throw new AuthenticationError(`${KEY_FILE} holds no key`);
      return token;
    },
    findProjectId: async () => (await file.load())?.projectId,
    close: () => file.close(),
  };
}

/** How the file is named: its path is not repeated, since what was given for a path may have been a key. */
const KEY_FILE = "the file that `credential` names";

/** Text that is a secret and no path: it must not be looked for as a file, and repeated in the error. */
const SECRET_TEXT = /[\r\n]|PRIVATE KEY|^\s*AIza|^\s*AAAA[\w-]+:|^\s*ya29\./;

function createProviderOfText(credential: string, options: ServiceAccountOptions): AccessTokenProvider {
  const refuse = (problem: string): never => {
    throw new InvalidOptionsError([{ path: "credential", problem }]);
  };
  if (credential.trim() === "")
    return refuse('is empty: give the path of a service-account key, or "application-default"');
  if (credential.trimStart().startsWith("{")) {
    let key: unknown;
    try {
      key = JSON.parse(credential);
    } catch {
      // without the cause: it quotes the text
      return refuse("begins like the content of a service-account key file and is not JSON");
    }
    return createServiceAccountProvider(parseServiceAccountKey(key), options);
  }
  if (SECRET_TEXT.test(credential)) {
    return refuse(
      "is a key or token and not the path of a service-account key: give the key file's path or its whole content; server keys are not accepted by FCM HTTP v1",
    );
  }
  return createKeyFileProvider(credential, options);
}
