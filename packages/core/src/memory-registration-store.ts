import { type Clock, systemClock } from "./clock.ts";
import { InvalidMessageError, InvalidOptionsError, StoreFullError } from "./errors.ts";
import { isFid, isTokenOfInstallation } from "./message/fid.ts";
import { type RegistrationToken, tokenProblem } from "./message/token.ts";
import type { Registration, RegistrationChange, RegistrationStore, RemovalReason } from "./registration-store.ts";

/** What a store in memory can be told. */
export interface MemoryRegistrationStoreOptions {
  /**
   * Registrations it holds at most; one more is refused with `StoreFullError`. Range: 1 or more.
   * @defaultValue 1000000
   */
  readonly maxRegistrations?: number;
  /**
   * Rewrites it remembers for tokens that callers may still hold; the oldest are forgotten first. Range: 1 or more.
   * @defaultValue 100000
   */
  readonly maxRewrites?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** A registration store in memory: for tests, for one process, and as the model for one in a database. */
export interface MemoryRegistrationStore extends RegistrationStore {
  register(userId: string, token: string): void;
  registrationsOf(userId: string): readonly Registration[];
  resolve(tokens: readonly RegistrationToken[]): readonly RegistrationToken[];
  replace(token: RegistrationToken, canonicalRegistrationId: RegistrationToken, sentAt: number): void;
  remove(token: RegistrationToken, reason: RemovalReason, sentAt?: number): void;
  suspect(token: RegistrationToken, reason: "mismatch-sender-id" | "bad-registration"): void;
  /** Calls the listener at every change, in their order. Returns how to stop. A listener that throws disturbs nobody else. */
  onChange(listener: (change: RegistrationChange) => void): () => void;
  /** Registrations held. */
  readonly size: number;
}

type WithoutSequence<T> = T extends unknown ? Omit<T, "sequence"> : never;

/** A rewrite, and when the attempt that learned of it was sent. */
interface Rewrite {
  readonly to: RegistrationToken;
  readonly at: number;
}

/**
 * Keeps registrations in memory, bounded and safe under concurrent sends.
 *
 * - A change that the service caused is compared by time: a registration stored after the attempt was sent stays as it is.
 * - A rewrite onto a token that the user has already merges the two. A chain (A to B, B to C) resolves to its end; the newer of two
 *   contrary rewrites (A to B, B to A) wins.
 *
 * @throws {InvalidOptionsError} a bound is not a whole number of at least 1.
 */
export function createMemoryRegistrationStore(options: MemoryRegistrationStoreOptions = {}): MemoryRegistrationStore {
  const { maxRegistrations = 1_000_000, maxRewrites = 100_000, clock = systemClock } = options;
  requireCount("maxRegistrations", maxRegistrations);
  requireCount("maxRewrites", maxRewrites);

  /** user → token → when it was registered */
  const byUser = new Map<string, Map<RegistrationToken, number>>();
  const usersOf = new Map<RegistrationToken, Set<string>>();
  const rewrites = new Map<RegistrationToken, Rewrite>();
  const listeners = new Set<(change: RegistrationChange) => void>();
  let size = 0;
  let sequence = 0;

  function emit(change: WithoutSequence<RegistrationChange>): void {
    sequence++;
    for (const listener of [...listeners]) {
      try {
        listener({ ...change, sequence } as RegistrationChange);
      } catch (error) {
        // the store must not fail for it, and it must not go unseen
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  function put(userId: string, token: RegistrationToken, registeredAt: number): void {
    let tokens = byUser.get(userId);
    if (tokens?.has(token)) {
      tokens.set(token, Math.max(registeredAt, tokens.get(token) ?? 0));
      return;
    }
    if (tokens === undefined) {
      tokens = new Map();
      byUser.set(userId, tokens);
    }
    tokens.set(token, registeredAt);
    const users = usersOf.get(token);
    if (users === undefined) usersOf.set(token, new Set([userId]));
    else users.add(userId);
    size++;
  }

  function drop(userId: string, token: RegistrationToken): void {
    const tokens = byUser.get(userId);
    if (!tokens?.delete(token)) return;
    size--;
    if (tokens.size === 0) byUser.delete(userId);
    const users = usersOf.get(token);
    users?.delete(userId);
    if (users?.size === 0) usersOf.delete(token);
  }

  /** Users whose registration of this token is not newer than the attempt. */
  function usersBefore(token: RegistrationToken, sentAt: number): string[] {
    return [...(usersOf.get(token) ?? [])].filter((userId) => (byUser.get(userId)?.get(token) ?? 0) <= sentAt);
  }

  function rememberRewrite(token: RegistrationToken, to: RegistrationToken, at: number): void {
    rewrites.delete(token);
    // it is canonical now, so it is superseded by nothing: this is what keeps chains free of cycles
    rewrites.delete(to);
    rewrites.set(token, { to, at });
    if (rewrites.size > maxRewrites) {
      const oldest = rewrites.keys().next();
      if (!oldest.done) rewrites.delete(oldest.value);
    }
  }

  function resolveOne(token: RegistrationToken): RegistrationToken {
    let current = token;
    for (let rewrite = rewrites.get(current); rewrite !== undefined; rewrite = rewrites.get(current))
      current = rewrite.to;
    return current;
  }

  /** The installation ID this user has already that the token begins with. */
  function installationOf(userId: string, token: RegistrationToken): RegistrationToken | undefined {
    const colon = token.indexOf(":");
    if (colon < 0) return undefined;
    const fid = token.slice(0, colon) as RegistrationToken;
    return isFid(fid) && byUser.get(userId)?.has(fid) ? fid : undefined;
  }

  /** The app has reported its installation ID: what this user's stored tokens of the same installation become. */
  function supersedeTokensOf(userId: string, fid: RegistrationToken): void {
    for (const token of [...(byUser.get(userId)?.keys() ?? [])]) {
      if (isTokenOfInstallation(token, fid)) store.replace(token, fid, clock.now());
    }
  }

  const store: MemoryRegistrationStore = {
    register(userId, token) {
      const problem = tokenProblem(token);
      const problems = [];
      if (typeof userId !== "string" || userId === "")
        problems.push({ path: "userId", problem: "must be a non-empty string" });
      if (problem !== undefined) problems.push({ path: "token", problem });
      if (problems.length > 0) throw new InvalidMessageError(problems);
      const registered = token as RegistrationToken;
      const fid = installationOf(userId, registered);
      if (fid !== undefined) {
        // a device has one or the other: its ID is known, so its token is not used any more
        put(userId, fid, clock.now());
        rememberRewrite(registered, fid, clock.now());
        return;
      }
      if (isFid(registered)) supersedeTokensOf(userId, registered);
      if (size >= maxRegistrations && !byUser.get(userId)?.has(registered)) throw new StoreFullError(maxRegistrations);
      // the app itself says that this is its token: what was known of it before no longer holds
      rewrites.delete(registered);
      put(userId, registered, clock.now());
    },

    registrationsOf(userId) {
      return [...(byUser.get(userId) ?? [])].map(([token, registeredAt]) => ({ userId, token, registeredAt }));
    },

    resolve(tokens) {
      if (rewrites.size === 0) return tokens;
      let resolved: RegistrationToken[] | undefined;
      for (let position = 0; position < tokens.length; position++) {
        const token = tokens[position] as RegistrationToken;
        if (!rewrites.has(token)) continue;
        resolved ??= [...tokens];
        resolved[position] = resolveOne(token);
      }
      return resolved ?? tokens;
    },

    replace(token, canonicalRegistrationId, sentAt) {
      // an answer can come late: where the canonical ID itself has been superseded since, its successor is meant
      const since = rewrites.get(canonicalRegistrationId);
      const canonical =
        since !== undefined && since.at > sentAt ? resolveOne(canonicalRegistrationId) : canonicalRegistrationId;
      if (token === canonical) return;
      if (rewrites.get(token)?.to === canonical && !usersOf.has(token)) return;
      const users = usersBefore(token, sentAt);
      const registeredSince = (usersOf.get(token)?.size ?? 0) > users.length;
      if (registeredSince && users.length === 0) return;
      // where one user has registered it anew and another has not, the token lives: others keep it, and sends to it stay as they are
      if (!registeredSince) rememberRewrite(token, canonical, sentAt);
      for (const userId of users) {
        drop(userId, token);
        put(userId, canonical, sentAt);
      }
      emit({ type: "replaced", token, canonicalRegistrationId: canonical, userIds: users });
    },

    remove(token, reason, sentAt = Number.POSITIVE_INFINITY) {
      const users = usersBefore(token, sentAt);
      if (users.length === 0) return;
      for (const userId of users) drop(userId, token);
      emit({ type: "removed", token, reason, userIds: users });
    },

    suspect(token, reason) {
      emit({ type: "suspect", token, reason, userIds: [...(usersOf.get(token) ?? [])] });
    },

    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },

    get size() {
      return size;
    },
  };
  return store;
}

function requireCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new InvalidOptionsError([{ path: name, problem: `must be a whole number of at least 1, not ${value}` }]);
}
