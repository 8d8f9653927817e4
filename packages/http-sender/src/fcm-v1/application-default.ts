import { AuthenticationError, isErrorLike, MESSAGING_SCOPE, serviceText } from "@cloud-messaging/core";
import type { GoogleAuth } from "google-auth-library";
import { createVerifiedFetch } from "../verified-fetch.ts";
import { type AccessTokenProvider, AccessTokenUnavailableError } from "./access-token.ts";
import { ProviderFile, providerFromFile, readJsonFile } from "./provider-file.ts";
import { createServiceAccountProvider, parseServiceAccountKey, type ServiceAccountOptions } from "./service-account.ts";

/** How to get application default credentials, for people. */
export const HOW_TO_GET_CREDENTIALS =
  "set GOOGLE_APPLICATION_CREDENTIALS to the path of a service-account key, run `gcloud auth application-default login`, or run on Google Cloud with an account that may send";

/**
 * Application default credentials: the file that GOOGLE_APPLICATION_CREDENTIALS names, gcloud's own, workload identity, or the metadata
 * server of Google Cloud. A service-account key is used as one given in code is; the rest is google-auth-library's, which is loaded
 * only here and only when it is needed.
 */
export function createApplicationDefaultProvider(options: ServiceAccountOptions): AccessTokenProvider {
  const file = new ProviderFile(() => readServiceAccount(options));

  return {
    async fetchAccessToken({ signal }) {
      const token = await file.fetchAccessToken({ signal });
      if (token !== undefined) return token;
      try {
        // a new one each time: its clients keep tokens of their own, also such as the service has just refused
        const client = await (await createGoogleAuth(options)).getClient();
        const { token } = await client.getAccessToken();
        if (!token) throw new AuthenticationError(`there is no access token in the default credentials`);
        const expiresAt = client.credentials.expiry_date;
        return typeof expiresAt === "number" ? { token, expiresAt } : { token };
      } catch (error) {
        throw asTokenError(error);
      }
    },
    async findProjectId() {
      const named = process.env["GOOGLE_CLOUD_PROJECT"] || process.env["GCLOUD_PROJECT"];
      if (named) return named;
      const provider = await file.load();
      if (provider !== undefined) return provider.projectId;
      const auth = await createGoogleAuth(options);
      try {
        return await auth.getProjectId();
      } catch {
        return await explainMissingProject(auth);
      }
    },
    close: () => file.close(),
  };
}

/** Where there are no credentials at all, that they are missing is what has to be said, and not the project. */
async function explainMissingProject(auth: GoogleAuth): Promise<undefined> {
  try {
    await auth.getClient();
  } catch (error) {
    const explained = asTokenError(error);
    if (explained instanceof AuthenticationError) throw explained;
  }
}

async function createGoogleAuth({ timeoutMs, tls, proxy, clock }: ServiceAccountOptions): Promise<GoogleAuth> {
  const library = await import("google-auth-library");
  const fetchImplementation = createVerifiedFetch({ timeoutMs, connect: tls, proxy, clock });
  const auth = new library.GoogleAuth({
    scopes: [MESSAGING_SCOPE],
    clientOptions: { transporterOptions: { fetchImplementation } },
  });
  const getClient = auth.getClient.bind(auth);
  auth.getClient = async () => {
    const client = await getClient();
    useFetch(client, fetchImplementation);
    return client;
  };
  return auth;
}

/** Gives every transporter inside a client its `fetch`: up to 10.9 the library makes some of them without the options of the client. */
function useFetch(part: unknown, fetchImplementation: typeof fetch, depth = 4): void {
  if (typeof part !== "object" || part === null || depth === 0) return;
  const { transporter } = part as { transporter?: { defaults?: { fetchImplementation?: typeof fetch } } };
  if (transporter?.defaults !== undefined) transporter.defaults.fetchImplementation = fetchImplementation;
  for (const inner of Object.values(part)) useFetch(inner, fetchImplementation, depth - 1);
}

const NAMED_FILE = "the file that GOOGLE_APPLICATION_CREDENTIALS names";

/** The file of GOOGLE_APPLICATION_CREDENTIALS, where it is a service-account key: google-auth-library ignores its `token_uri`. */
async function readServiceAccount(options: ServiceAccountOptions): Promise<AccessTokenProvider | undefined> {
  const path = process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (!path) return undefined;
  const json = await readJsonFile(path, NAMED_FILE);
  if ((json as { type?: unknown } | null)?.type !== "service_account") return undefined;
  return providerFromFile(() => createServiceAccountProvider(parseServiceAccountKey(json), options), NAMED_FILE);
}

/** google-auth-library's errors, of which only the status and the OAuth word are passed on. */
function asTokenError(error: unknown): Error {
  if (error instanceof AuthenticationError) return error;
  const { status, response } = (error ?? {}) as {
    status?: unknown;
    response?: { status?: unknown; data?: { error?: unknown } };
  };
  const httpStatus = Number(response?.status ?? status);
  const word = typeof response?.data?.error === "string" ? ` (${serviceText(response.data.error)})` : "";
  if (httpStatus >= 400 && httpStatus < 500 && httpStatus !== 408 && httpStatus !== 429) {
    return new AuthenticationError(`the default credentials are refused, HTTP ${httpStatus}${word}`);
  }
  const message = isErrorLike(error) ? error.message : "";
  if (/could not load the default credentials|unable to detect/i.test(message)) {
    return new AuthenticationError(`there are no default credentials: ${HOW_TO_GET_CREDENTIALS}`);
  }
  return new AccessTokenUnavailableError(
    "unavailable",
    `the default credentials gave no access token${Number.isNaN(httpStatus) ? "" : `, HTTP ${httpStatus}${word}`}`,
  );
}
