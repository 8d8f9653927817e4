import { InvalidOptionsError } from "@cloud-messaging/core";
import { shownPath } from "@cloud-messaging/core/transport";
import type { ServiceAccountKey } from "@cloud-messaging/core/wire";
import { type AccessToken, type AccessTokenProvider, checkedToken } from "./access-token.ts";
import { createApplicationDefaultProvider } from "./application-default.ts";
import { findJson } from "./credential-text.ts";
import { projectIdProblem } from "./project-id.ts";
import { ProviderFile, readCredentialFile } from "./provider-file.ts";
import { createProviderOfJson, createProviderOfText } from "./provider-of-text.ts";
import type { ServiceAccountOptions } from "./service-account.ts";
import type { FirebaseAdminServiceAccount } from "./service-account-key.ts";

/** A credential of firebase-admin: one of its objects can be used here as it is. */
export interface FirebaseAdminCredential {
  getAccessToken(): Promise<{ readonly access_token: string; readonly expires_in: number }>;
}

/**
 * Identity of the sender:
 * - the content of a service-account key file, as an object (also in firebase-admin's spelling) or as text (JSON, or that in base64);
 * - the path of such a file, or of one of another kind that gcloud writes; read again when what was in it is refused;
 * - `"application-default"`: what the environment offers (GOOGLE_APPLICATION_CREDENTIALS, gcloud, workload identity, Google Cloud);
 * - a function that gets an access token from anywhere else; it is called when a new one is needed;
 * - a credential of firebase-admin.
 *
 * `private_key` and access tokens are secrets: they appear in no error, event or log.
 */
export type FcmCredential =
  | ServiceAccountKey
  | FirebaseAdminServiceAccount
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
  if (typeof credential === "string") return createProviderOfOption(credential, options);
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
  return createProviderOfJson(credential, "the credentials", options);
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
  const problem = typeof projectId === "string" ? projectIdProblem(projectId) : undefined;
  if (problem !== undefined) throw new InvalidOptionsError([{ path: "credential.projectId", problem }]);
  return {
    ...(typeof projectId === "string" ? { projectId } : {}),
    async fetchAccessToken() {
      const given = ((await credential.getAccessToken()) ?? {}) as { access_token?: unknown; expires_in?: unknown };
      const { access_token: token, expires_in: expiresIn } = given;
      // its application default credentials know it once they have a token
      const { getQuotaProjectId } = credential as { getQuotaProjectId?: unknown };
      const quotaProjectId: unknown =
        typeof getQuotaProjectId === "function" ? getQuotaProjectId.call(credential) : undefined;
      return checkedToken(
        {
          token,
          ...(typeof expiresIn === "number" ? { expiresAt: clock.now() + expiresIn * 1000 } : {}),
          ...(quotaProjectId ? { quotaProjectId } : {}),
        },
        "getAccessToken() of the credential",
      );
    },
  };
}

/** Text that is a secret and no path: it must not be looked for as a file, and repeated in the error. */
const SECRET_TEXT = /[\r\n]|PRIVATE KEY|^\s*["']?(?:AIza|AAAA[\w-]+:|ya29\.|1\/\/0|eyJ)/;

/** The content of a key file, or the path of one, which is read when the first token is needed. */
function createProviderOfOption(credential: string, options: ServiceAccountOptions): AccessTokenProvider {
  const refuse = (problem: string): never => {
    throw new InvalidOptionsError([{ path: "credential", problem }]);
  };
  if (credential.trim() === "") {
    return refuse('is empty: give the path of a service-account key, or "application-default"');
  }
  const json = findJson(credential);
  if (json === "damaged") return refuse("begins like the content of a service-account key file and is not JSON");
  if (json !== undefined) return createProviderOfJson(json, "the credentials", options);
  if (SECRET_TEXT.test(credential)) {
    return refuse(
      "is a key or token and not the path of a service-account key: give the key file's path or its whole content; server keys are not accepted by FCM HTTP v1",
    );
  }
  return new ProviderFile(
    () => readCredentialFile(credential, `the file ${shownPath(credential)} that \`credential\` names`),
    ({ text = "", what }) => createProviderOfText(text, what, options),
    options.clock,
  );
}
