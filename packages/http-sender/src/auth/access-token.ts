import { AuthenticationError, type Clock, type ErrorCode } from "@cloud-messaging/core";
import {
  type CancelTimer,
  LONG_AGO,
  type MonotonicInstant,
  msBetween,
  nameOfError,
  onAbort,
  plusMs,
  publish,
  timeLeftMs,
} from "@cloud-messaging/core/transport";
import { PROJECT_ID_WORDS, projectIdProblem } from "./project-id.ts";

/** An OAuth2 access token. A secret. */
export interface AccessToken {
  readonly token: string;
  /**
   * End of its life. Milliseconds since the epoch.
   * @defaultValue an hour from now
   */
  readonly expiresAt?: number;
  /** Project that pays for what a user's own credentials do; sent as `x-goog-user-project`. */
  readonly quotaProjectId?: string;
}

/** Provider of access tokens. Called when a new one is needed; tokens are cached until shortly before they expire. */
export interface AccessTokenProvider {
  /**
   * Gets a new token, never a cached one.
   *
   * @throws {AuthenticationError} permanent: a revoked key, a missing permission. Any other error is retried.
   */
  fetchAccessToken(options: { readonly signal: AbortSignal }): Promise<AccessToken>;
  /** Project of the credentials, if they name it. */
  readonly projectId?: string | undefined;
  /** Looks the project up, if that takes a request. */
  findProjectId?(): Promise<string | undefined>;
  /**
   * Negative-cache time of a permanent failure. Unit: milliseconds.
   * @defaultValue 30000
   */
  readonly refusalLifeMs?: number;
  /** Frees its resources. */
  close?(): Promise<void>;
}

/** Transient failure to get a token. */
export class AccessTokenUnavailableError extends Error {
  override readonly name = "AccessTokenUnavailableError";
  /** Code of the outcome: `unavailable`, `connection-failed`, `timeout` … */
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Below this, `expiresAt` is in seconds or a duration. Unit: milliseconds since the epoch (1973). */
const EARLIEST_MS = 1e11;

/**
 * Checks a token from other code. White space around it, such as the line end of a command's output, is trimmed.
 *
 * @param source Source of the token, for the error.
 * @throws {AuthenticationError} it cannot be used; never holds the token.
 */
export function checkedToken(given: unknown, source: string): AccessToken {
  const { token, expiresAt, quotaProjectId } = (typeof given === "string" ? { token: given } : (given ?? {})) as {
    token?: unknown;
    expiresAt?: unknown;
    quotaProjectId?: unknown;
  };
  const trimmed = typeof token === "string" ? token.trim() : "";
  if (trimmed === "") {
    throw new AuthenticationError(`${source} gave no access token: it must give a string or { token, expiresAt }`);
  }
  if (!/^[\x21-\x7e]+$/.test(trimmed)) {
    throw new AuthenticationError(`${source} gave an access token with characters that cannot stand in a header`);
  }
  if (quotaProjectId !== undefined && (typeof quotaProjectId !== "string" || projectIdProblem(quotaProjectId))) {
    throw new AuthenticationError(`${source} gave a quotaProjectId that is none: it ${PROJECT_ID_WORDS}`);
  }
  const checked = quotaProjectId === undefined ? { token: trimmed } : { token: trimmed, quotaProjectId };
  if (expiresAt === undefined || expiresAt === null) return checked;
  // the fake date of node:test begins in 1970
  const earliest = Math.min(EARLIEST_MS, Date.now());
  if (typeof expiresAt !== "number" || !Number.isFinite(expiresAt) || expiresAt < earliest) {
    throw new AuthenticationError(`${source} gave no usable end: expiresAt must be milliseconds since the epoch`);
  }
  return { ...checked, expiresAt };
}

/** A valid token. The same object for as long as the token is the same. */
export interface GrantedToken {
  readonly kind: "token";
  readonly token: string;
  readonly quotaProjectId?: string | undefined;
}

/** Headers of a token: names and values in turn. */
export function authorizationHeaders({ token, quotaProjectId }: GrantedToken): string[] {
  const authorization = ["authorization", `Bearer ${token}`];
  return quotaProjectId === undefined ? authorization : [...authorization, "x-goog-user-project", quotaProjectId];
}

/** A token, or a failure: then nothing was sent. */
export type AccessTokenResult =
  | GrantedToken
  | {
      readonly kind: "failure";
      readonly code: ErrorCode;
      readonly detail: string;
      readonly retryAfterMs?: number | undefined;
    };

/** Cache of the current token. */
export interface AccessTokenSource {
  /** Returns a valid token at once, else a promise of the next one. Never rejects. An aborted wait affects no other. */
  get(options?: AccessTokenWait): AccessTokenResult | Promise<AccessTokenResult>;
  /** Reports an answer that does not refuse this token. */
  accepted(token: string): void;
  /** Reports a refusal of this token, which is dropped if another one may be accepted. */
  refuse(token: string): TokenRefusal;
  /** Time until a refused token may be replaced. Unit: milliseconds; 0: at once. */
  readonly replaceableInMs: number;
  /** Aborts a fetch in flight. Every call returns the same promise. */
  close(): Promise<void>;
}

/**
 * Remedy for a refused token.
 * `"replaced"`: the next one may be accepted. `"later"`: the last replacement was only seconds ago, so the next one is not fetched yet.
 * `"hopeless"`: it was new and never accepted, so that another one will not be either.
 */
export type TokenRefusal = "replaced" | "later" | "hopeless";

/** Limits of a caller's wait for a token. */
export interface AccessTokenWait {
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: MonotonicInstant | undefined;
}

/** Dependencies of a token source. */
export interface AccessTokenSourceOptions {
  readonly provider: AccessTokenProvider;
  readonly clock: Clock;
  /** Time limit of one fetch. Unit: milliseconds. */
  readonly timeoutMs: number;
  /** For events. */
  readonly transport: string;
}

/** Default lifetime of a token. Unit: milliseconds. */
const DEFAULT_LIFE_MS = 3_600_000;
/** Time before the expiry at which a token is renewed, while it is still used. Unit: milliseconds. */
const RENEW_EARLY_MS = 5 * 60_000;
/** Remaining lifetime below which a token is not used: it could expire in transit. Unit: milliseconds. */
const UNUSABLE_MS = 30_000;
/** Negative-cache time of a permanent failure, so that thousands of sends do not all ask. Unit: milliseconds. */
const REFUSAL_MS = 30_000;
/** Negative-cache time of a transient failure without Retry-After. Unit: milliseconds. */
const FAILURE_MS = 1_000;
/** Maximum negative-cache time, whatever Retry-After says. Unit: milliseconds. */
const MAX_FAILURE_MS = 60_000;
/** Minimum interval between early renewals, and between replacements of refused tokens. Unit: milliseconds. */
const PAUSE_MS = 10_000;

type FetchFailure = AccessTokenResult & { readonly kind: "failure" };

interface Current {
  readonly granted: GrantedToken;
  readonly renewAt: MonotonicInstant;
  readonly unusableAt: MonotonicInstant;
  /** True once the service has accepted it. */
  proven: boolean;
}

/**
 * Creates a cache of one access token: renews it before it expires, shares one fetch between all waiters, and replaces a refused token.
 * The margins shrink in proportion for short lifetimes (an emulator's).
 */
export function createAccessTokenSource(options: AccessTokenSourceOptions): AccessTokenSource {
  const { provider, clock, timeoutMs, transport } = options;
  let current: Current | undefined;
  let fetching: Promise<AccessTokenResult> | undefined;
  let lastFailure:
    | { readonly result: FetchFailure; readonly until: MonotonicInstant; readonly retryAt: MonotonicInstant }
    | undefined;
  let noRenewalBefore = LONG_AGO;
  let noReplacementBefore = LONG_AGO;
  const closing = new AbortController();
  let closed: Promise<void> | undefined;

  function fetchOnce(): Promise<AccessTokenResult> {
    fetching ??= fetchToken().finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  async function fetchToken(): Promise<AccessTokenResult> {
    const timeout = new AbortController();
    const cancel = clock.schedule(timeoutMs, () => timeout.abort());
    const signal = AbortSignal.any([timeout.signal, closing.signal]);
    try {
      const given = await untilAborted(provider.fetchAccessToken({ signal }), signal);
      const { token, expiresAt, quotaProjectId } = checkedToken(given, "the credential");
      // a date only while it is read: from here on its life is a duration, which setting the clock does not change
      const lifeMs = Math.max(0, expiresAt === undefined ? DEFAULT_LIFE_MS : expiresAt - clock.now());
      const now = clock.monotonic();
      const granted: GrantedToken = { kind: "token", token, quotaProjectId };
      current = {
        granted,
        renewAt: plusMs(now, lifeMs - Math.min(RENEW_EARLY_MS, lifeMs / 4)),
        unusableAt: plusMs(now, lifeMs - Math.min(UNUSABLE_MS, lifeMs / 10)),
        proven: current?.granted.token === token && current.proven,
      };
      lastFailure = undefined;
      return granted;
    } catch (error) {
      return failed(error, timeout.signal.aborted);
    } finally {
      cancel();
    }
  }

  function failed(error: unknown, timedOut: boolean): AccessTokenResult {
    const result = describeFailure(error, timedOut, closing.signal.aborted);
    const now = clock.monotonic();
    noRenewalBefore = plusMs(now, PAUSE_MS);
    const { retryAfterMs = FAILURE_MS } = result;
    const believedMs =
      error instanceof AuthenticationError
        ? (provider.refusalLifeMs ?? REFUSAL_MS)
        : Math.min(Math.max(retryAfterMs, FAILURE_MS), MAX_FAILURE_MS);
    lastFailure = { result, until: plusMs(now, believedMs), retryAt: plusMs(now, retryAfterMs) };
    publish("cloud-messaging:notice", () => ({
      transport,
      notice: "access-token-failed",
      detail: `${result.code}: ${result.detail}`,
    }));
    return result;
  }

  return {
    get(wait = {}) {
      if (closed !== undefined) return { kind: "failure", code: "closed", detail: "the sender is closed" };
      const now = clock.monotonic();
      if (current !== undefined && now < current.unusableAt) {
        // no send waits for this renewal: the old token is still valid
        if (now >= current.renewAt && now >= noRenewalBefore) void fetchOnce();
        return current.granted;
      }
      if (lastFailure !== undefined && now < lastFailure.until) {
        const { result, retryAt } = lastFailure;
        return result.retryAfterMs === undefined
          ? result
          : { ...result, retryAfterMs: Math.max(0, msBetween(now, retryAt)) };
      }
      return waitFor(fetchOnce(), wait, clock);
    },
    accepted(token) {
      if (current?.granted.token === token) current.proven = true;
    },
    refuse(token) {
      if (current?.granted.token !== token) return "replaced";
      // two refusals in a row are not about the token's age
      if (clock.monotonic() < noReplacementBefore) return current.proven ? "later" : "hopeless";
      noReplacementBefore = plusMs(clock.monotonic(), PAUSE_MS);
      current = undefined;
      return "replaced";
    },
    get replaceableInMs() {
      return Math.max(0, timeLeftMs(clock, noReplacementBefore));
    },
    close() {
      closed ??= (async () => {
        closing.abort();
        await fetching;
        await provider.close?.();
      })();
      return closed;
    },
  };
}

function describeFailure(error: unknown, timedOut: boolean, closed: boolean): FetchFailure {
  if (closed) return { kind: "failure", code: "closed", detail: "the sender was closed before it had an access token" };
  if (timedOut) return { kind: "failure", code: "timeout", detail: "no access token in time" };
  if (error instanceof AuthenticationError) {
    return { kind: "failure", code: "authentication-failed", detail: error.message };
  }
  if (error instanceof AccessTokenUnavailableError) {
    return { kind: "failure", code: error.code, detail: error.message, retryAfterMs: error.retryAfterMs };
  }
  // a provider of the caller's own: its text may hold anything, so only its name is passed on
  return { kind: "failure", code: "unavailable", detail: `the access token provider failed (${nameOfError(error)})` };
}

/** Abandons a provider that ignores the signal. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(new Error("aborted")));
    promise.then(resolve, reject).finally(forget);
  });
}

/** Waits for a shared fetch until this caller's deadline or signal. */
function waitFor(
  fetched: Promise<AccessTokenResult>,
  { signal, deadline }: AccessTokenWait,
  clock: Clock,
): Promise<AccessTokenResult> {
  if (signal === undefined && deadline === undefined) return fetched;
  if (signal?.aborted) return Promise.resolve(ABORTED);
  return new Promise((resolve) => {
    let cancel: CancelTimer | undefined;
    const settle = (result: AccessTokenResult): void => {
      cancel?.();
      forget();
      resolve(result);
    };
    const forget = onAbort(signal, () => settle(ABORTED));
    if (deadline !== undefined) {
      cancel = clock.schedule(timeLeftMs(clock, deadline), () =>
        settle({ kind: "failure", code: "timeout", detail: "no access token in time" }),
      );
    }
    void fetched.then(settle);
  });
}

const ABORTED: AccessTokenResult = { kind: "failure", code: "aborted", detail: "the signal was aborted" };
