import { stat } from "node:fs/promises";
import { AuthenticationError, InvalidOptionsError } from "@cloud-messaging/core";
import {
  connectionFailureCode,
  defined,
  errorRow,
  isErrorLike,
  nameOfError,
  Reachability,
  serviceText,
} from "@cloud-messaging/core/transport";
import { MESSAGING_SCOPE } from "@cloud-messaging/core/wire";
import type { GoogleAuth } from "google-auth-library";
import { createVerifiedFetch } from "../http/verified-fetch.ts";
import { type AccessTokenProvider, AccessTokenUnavailableError } from "./access-token.ts";
import { quotaProjectOf } from "./project-id.ts";
import type { ServiceAccountOptions } from "./service-account.ts";

/** Ways to application default credentials, for people. */
const HOW_TO_GET_CREDENTIALS =
  "set GOOGLE_APPLICATION_CREDENTIALS to the path of a service-account key, run `gcloud auth application-default login`, or run on Google Cloud with an account that may send";

/** Credentials that google-auth-library reads, by their `type`, with the fields they cannot do without. */
const LIBRARY_TYPES: Readonly<Record<string, readonly string[]>> = {
  authorized_user: ["client_id", "client_secret", "refresh_token"],
  external_account: ["audience", "subject_token_type", "token_url", "credential_source"],
  external_account_authorized_user: ["refresh_token", "token_url", "client_id", "client_secret"],
  impersonated_service_account: ["source_credentials", "service_account_impersonation_url"],
  gdch_service_account: ["project", "private_key_id", "private_key", "name", "token_uri"],
};
/** Ways to get a subject token; one of them. */
const SUBJECT_SOURCES = ["file", "url", "executable", "environment_id", "certificate"];

/**
 * Tells by the `type` of credentials who reads them.
 *
 * @returns `"library"`, or `"service-account"` where the type is that or left out.
 * @throws {InvalidOptionsError} the type is none that there is, or a field is missing that it needs.
 */
export function readerOf(json: object): "library" | "service-account" {
  const { type } = json as { type?: unknown };
  if (type === undefined || type === "service_account") return "service-account";
  const required = typeof type === "string" && Object.hasOwn(LIBRARY_TYPES, type) ? LIBRARY_TYPES[type] : undefined;
  if (required === undefined) {
    const shown = typeof type === "string" && /^[\w-]{1,40}$/.test(type) ? `"${type}"` : "something else";
    const types = ["service_account", ...Object.keys(LIBRARY_TYPES)].join(", ");
    throw new InvalidOptionsError([{ path: "credential.type", problem: `must be one of ${types}, and is ${shown}` }]);
  }
  const missing = required.filter((name) => isMissing((json as Record<string, unknown>)[name]));
  const problems = missing.map((name) => ({ path: `credential.${name}`, problem: `is missing: ${type} needs it` }));
  const { credential_source: source } = json as { credential_source?: unknown };
  if (type === "external_account" && missing.length === 0) {
    if (
      typeof source !== "object" ||
      !SUBJECT_SOURCES.some((name) => !isMissing((source as Record<string, unknown>)[name]))
    ) {
      const problem = `must say where the subject token comes from: one of ${SUBJECT_SOURCES.join(", ")}`;
      problems.push({ path: "credential.credential_source", problem });
    }
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return "library";
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/**
 * Access tokens by google-auth-library, which is loaded only here and only when it is needed: users, workload identities, Google Cloud.
 *
 * @param json Credentials of a file; `undefined` for what the machine offers by itself.
 * @param what The credentials in words, for errors.
 */
export function createLibraryProvider(
  json: object | undefined,
  what: string,
  options: ServiceAccountOptions,
): AccessTokenProvider {
  const reachability = new Reachability("access-token", what, process);
  return {
    async fetchAccessToken() {
      try {
        await checkSubjectToken(json);
        // a new one each time: its clients keep tokens of their own, also such as the service has just refused. With a project given
        // it does not look for one, for which it would ask Cloud Resource Manager or run gcloud
        const client = await (await createGoogleAuth(json, options, "unused")).getClient();
        const { token } = await client.getAccessToken();
        reachability.answered();
        if (!token) throw new AuthenticationError(`there is no access token in ${what}`);
        const expiresAt = client.credentials.expiry_date;
        const quotaProjectId = quotaProjectOf(client.quotaProjectId);
        return {
          token,
          ...(typeof expiresAt === "number" ? { expiresAt } : {}),
          ...defined({ quotaProjectId }),
        };
      } catch (error) {
        const explained = asTokenError(error, what);
        if (explained instanceof AccessTokenUnavailableError) reachability.failed(explained.code, explained.message);
        throw explained;
      }
    },
    async findProjectId() {
      const auth = await createGoogleAuth(json, options);
      try {
        return await auth.getProjectId();
      } catch {
        return await explainMissingProject(auth, what);
      }
    },
  };
}

/** Says that credentials are missing, and not the project, if there are none at all. */
async function explainMissingProject(auth: GoogleAuth, what: string): Promise<undefined> {
  try {
    await auth.getClient();
  } catch (error) {
    const explained = asTokenError(error, what);
    if (explained instanceof AuthenticationError) throw explained;
  }
}

async function createGoogleAuth(
  json: object | undefined,
  { timeoutMs, tls, proxy, clock }: ServiceAccountOptions,
  projectId?: string,
): Promise<GoogleAuth> {
  const library = await import("google-auth-library").catch((error: unknown) => {
    const { code = "no reason given" } = error as NodeJS.ErrnoException;
    throw new AuthenticationError(
      `google-auth-library, which these credentials need, cannot be loaded (${code}): npm install google-auth-library, or use a service-account key`,
    );
  });
  const common = {
    scopes: [MESSAGING_SCOPE],
    ...defined({ credentials: json, projectId }),
  };
  // the library's own requests verify TLS unless told otherwise, and know nothing of our options
  const verifies = process.env["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0";
  if (verifies && tls === undefined && proxy === undefined) return new library.GoogleAuth(common);
  const fetchImplementation = createVerifiedFetch({ timeoutMs, tls, proxy, clock });
  const auth = new library.GoogleAuth({ ...common, clientOptions: { transporterOptions: { fetchImplementation } } });
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

/** @throws {AuthenticationError} the file of the subject token is not there: usually a mount that is missing. */
async function checkSubjectToken(json: object | undefined): Promise<void> {
  const { credential_source: source } = (json ?? {}) as { credential_source?: { file?: unknown } };
  if (typeof source?.file !== "string") return;
  try {
    if (!(await stat(source.file)).isDirectory()) return;
  } catch (error) {
    const { code = "no reason given" } = error as NodeJS.ErrnoException;
    throw new AuthenticationError(`the file of the subject token, ${source.file}, cannot be read (${code})`);
  }
  throw new AuthenticationError(`the file of the subject token, ${source.file}, is a directory`);
}

interface LibraryError {
  readonly status?: unknown;
  readonly code?: unknown;
  readonly path?: unknown;
  /** The request, where there was one. */
  readonly config?: unknown;
  readonly response?: { readonly status?: unknown; readonly data?: unknown };
}

/** Names of errors of requests that came to nothing. */
const OF_A_REQUEST = new Set(["FetchError", "GaxiosError", "AbortError", "TimeoutError"]);

/**
 * The library's errors as ours. What the network or a server did for a moment may pass; all else is a fault of the credentials, which
 * trying again does not mend.
 */
function asTokenError(error: unknown, what: string): Error {
  if (error instanceof AuthenticationError) {
    return error.message.includes(what) ? error : new AuthenticationError(`${what} cannot be used: ${error.message}`);
  }
  const { status, response, code, path, config } = (error ?? {}) as LibraryError;
  const { name, message } = isErrorLike(error) ? error : { name: nameOfError(error), message: "" };
  const httpStatus = Number(response?.status ?? status);
  if (httpStatus >= 400) {
    const said = wordsOf(response?.data);
    if (httpStatus < 500 && httpStatus !== 408 && httpStatus !== 429) {
      return new AuthenticationError(`${what} are refused, HTTP ${httpStatus}${said}`);
    }
    return new AccessTokenUnavailableError("unavailable", `${what} gave no access token, HTTP ${httpStatus}${said}`);
  }
  if (/could not load the default credentials|unable to detect/i.test(message)) {
    return new AuthenticationError(`there are no default credentials: ${HOW_TO_GET_CREDENTIALS}`);
  }
  if (typeof path === "string" && typeof code === "string") {
    return new AuthenticationError(`${what} cannot be used: ${path} cannot be read (${code})`);
  }
  if (config !== undefined || typeof code === "string" || OF_A_REQUEST.has(name)) {
    const reason = message === "" ? name : serviceText(message);
    const failure = connectionFailureCode(error);
    const lasting = failure === "connection-failed" ? undefined : failure;
    const cure = lasting === undefined ? "" : ` – ${errorRow(lasting).action}`;
    return new AccessTokenUnavailableError(lasting ?? "unavailable", `${what} gave no access token: ${reason}${cure}`);
  }
  // a parser's words quote what it could not read, which may be a token
  const reason = name === "SyntaxError" ? "a file or an answer they need is not JSON" : serviceText(message);
  return new AuthenticationError(`${what} cannot be used: ${reason === "" ? name : reason}`);
}

/** `invalid_grant: Bad Request`, or Google's `error.message`. */
function wordsOf(data: unknown): string {
  const { error, error_description: description } = (data ?? {}) as { error?: unknown; error_description?: unknown };
  const word = typeof error === "object" ? (error as { message?: unknown } | null)?.message : error;
  const said = serviceText([word, description].filter((part) => typeof part === "string").join(": "));
  return said === "" ? "" : ` (${said})`;
}
