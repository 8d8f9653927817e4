import { readFile } from "node:fs/promises";
import {
  AuthenticationError,
  CloudMessagingError,
  InvalidOptionsError,
  type ServiceAccountKey,
} from "@cloud-messaging/core";
import type { AccessToken, AccessTokenProvider } from "./access-token.ts";
import { createApplicationDefaultProvider } from "./application-default.ts";
import { createServiceAccountProvider, parseServiceAccountKey, type ServiceAccountOptions } from "./service-account.ts";

/** What firebase-admin calls a credential: one of its objects can be used here as it is. */
export interface FirebaseAdminCredential {
  getAccessToken(): Promise<{ readonly access_token: string; readonly expires_in: number }>;
}

/**
 * Who is sending:
 * - the content of a service-account key file, or the path of one;
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
  if (typeof credential === "string") return createKeyFileProvider(credential, options);
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
      const got = await getToken(options);
      const token = typeof got === "string" ? { token: got } : got;
      if (typeof token?.token === "string" && token.token !== "") return token;
      throw new AuthenticationError(
        "the credential function gave no access token: return it as a string or as { token, expiresAt }",
      );
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
      const { access_token: token, expires_in: expiresIn } = await credential.getAccessToken();
      return { token, expiresAt: clock.now() + expiresIn * 1000 };
    },
  };
}

/** The file is read when the first token is needed, and again until it could be. */
function createKeyFileProvider(path: string, options: ServiceAccountOptions): AccessTokenProvider {
  let loading: Promise<AccessTokenProvider> | undefined;
  const load = (): Promise<AccessTokenProvider> => {
    loading ??= readKeyFile(path, options).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  return {
    fetchAccessToken: async (fetchOptions) => (await load()).fetchAccessToken(fetchOptions),
    findProjectId: async () => (await load()).projectId,
    async close() {
      const provider = await loading?.catch(() => undefined);
      await provider?.close?.();
    },
  };
}

async function readKeyFile(path: string, options: ServiceAccountOptions): Promise<AccessTokenProvider> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? "is not JSON" : "cannot be read";
    throw new AuthenticationError(`the service-account key file ${path} ${reason}`);
  }
  try {
    return createServiceAccountProvider(parseServiceAccountKey(json), options);
  } catch (error) {
    if (!(error instanceof CloudMessagingError)) throw error;
    throw new AuthenticationError(`the service-account key file ${path} is no good: ${error.message}`);
  }
}
