import { z } from "zod";
import { InvalidRegistrationError, StoreFullError } from "../errors.ts";
import { publish } from "../events.ts";
import { isFid, isTokenOfInstallation } from "../message/fid.ts";
import { type RegistrationToken, tokenProblem } from "../message/token.ts";
import { nameOfError } from "../outcome/describe-error.ts";
import type { SuspectCode } from "../outcome/error-code.ts";
import { ClockSchema, readOptions } from "../problems.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import type { Registration, RegistrationChange, RegistrationStore, RemovalReason } from "./registration-store.ts";
import { createRewrites } from "./rewrites.ts";

/** Options of `createMemoryRegistrationStore`. */
export interface MemoryRegistrationStoreOptions {
  /**
   * Registrations it holds at most; one more is refused with `StoreFullError`. Range: 1 or more.
   * @defaultValue 1000000
   */
  readonly maxRegistrations?: number;
  /**
   * Rewrites it remembers at most for tokens that callers may still hold, and dead tokens likewise. When there are more, the older half is
   * forgotten. Range: 1 or more.
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
  suspect(token: RegistrationToken, reason: SuspectCode): void;
  /**
   * Calls the listener at every change, in their order. Returns how to stop. A listener that throws disturbs nobody else: it is told
   * as a notice.
   */
  onChange(listener: (change: RegistrationChange) => void): () => void;
  /** Registrations held. */
  readonly size: number;
}

type WithoutSequence<T> = T extends unknown ? Omit<T, "sequence"> : never;

const OptionsSchema = z.strictObject({
  maxRegistrations: z.int().min(1).default(1_000_000),
  maxRewrites: z.int().min(1).default(100_000),
  clock: ClockSchema.default(systemClock),
} satisfies Record<keyof MemoryRegistrationStoreOptions, z.ZodType>);

/** A stored token: who has it, and when it was last said to be good, by the app or by the service. */
interface StoredToken {
  readonly users: Set<string>;
  registeredAt: number;
}

/**
 * Keeps registrations in memory, bounded and safe under concurrent sends.
 *
 * - A change that the service caused is compared by time: a token registered after the attempt was sent stays as it is.
 * - A rewrite onto a token that the user has already merges the two. A chain (A to B, B to C) resolves to its end; the newer of two
 *   contrary rewrites (A to B, B to A) wins, in whatever order the answers arrive.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { createMemoryRegistrationStore } from "@cloud-messaging/core";
 *
 * const registrations = createMemoryRegistrationStore();
 * registrations.onChange(({ type, token, userIds }) => console.log(type, token, userIds));
 * registrations.register("ada", "a-token-that-her-phone-reported");
 * ```
 */
export function createMemoryRegistrationStore(options: MemoryRegistrationStoreOptions = {}): MemoryRegistrationStore {
  const { maxRegistrations, maxRewrites, clock } = readOptions(OptionsSchema, options, "an option of the memory store");

  /** user → token → when it was registered; the oldest first */
  const byUser = new Map<string, Map<RegistrationToken, number>>();
  const byToken = new Map<RegistrationToken, StoredToken>();
  const rewrites = createRewrites(maxRewrites);
  const changes = createChangeFeed();
  let size = 0;

  function put(userId: string, token: RegistrationToken, registeredAt: number): void {
    let tokens = byUser.get(userId);
    if (tokens === undefined) {
      tokens = new Map();
      byUser.set(userId, tokens);
    }
    const before = tokens.get(token);
    if (before === undefined) size++;
    // to the end: the order is that of registration
    tokens.delete(token);
    tokens.set(token, Math.max(registeredAt, before ?? registeredAt));
    const stored = byToken.get(token);
    if (stored === undefined) byToken.set(token, { users: new Set([userId]), registeredAt });
    else {
      stored.users.add(userId);
      stored.registeredAt = Math.max(stored.registeredAt, registeredAt);
    }
  }

  /** Takes the token from every user. Returns them. */
  function drop(token: RegistrationToken): string[] {
    const users = [...(byToken.get(token)?.users ?? [])];
    byToken.delete(token);
    for (const userId of users) {
      const tokens = byUser.get(userId);
      if (tokens?.delete(token)) size--;
      if (tokens?.size === 0) byUser.delete(userId);
    }
    return users;
  }

  const registeredSince = (token: RegistrationToken, at: number): boolean =>
    (byToken.get(token)?.registeredAt ?? at) > at;

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
      if (problems.length > 0) throw new InvalidRegistrationError(problems);
      const registered = token as RegistrationToken;
      const now = clock.now();
      const fid = installationOf(userId, registered);
      if (fid !== undefined) {
        // a device has one or the other: its ID is known, so its token is not used any more
        put(userId, fid, now);
        store.replace(registered, fid, now);
        return;
      }
      if (isFid(registered)) supersedeTokensOf(userId, registered);
      if (size >= maxRegistrations && !byUser.get(userId)?.has(registered)) throw new StoreFullError(maxRegistrations);
      rewrites.revive(registered);
      put(userId, registered, now);
    },

    registrationsOf(userId) {
      return [...(byUser.get(userId) ?? [])].map(([token, registeredAt]) => ({ userId, token, registeredAt }));
    },

    resolve(tokens) {
      if (rewrites.empty) return tokens;
      let resolved: RegistrationToken[] | undefined;
      for (let position = 0; position < tokens.length; position++) {
        const token = tokens[position] as RegistrationToken;
        const target = rewrites.resolve(token);
        if (target === token) continue;
        resolved ??= [...tokens];
        resolved[position] = target;
      }
      return resolved ?? tokens;
    },

    replace(token, canonicalRegistrationId, sentAt) {
      if (token === canonicalRegistrationId || registeredSince(token, sentAt)) return;
      const before = rewrites.resolve(token);
      rewrites.add(token, canonicalRegistrationId, sentAt);
      // an answer can come late: where the canonical ID itself was superseded or has died since, or the token was named canonical, the
      // end of the chain says so
      const canonical = rewrites.resolve(token);
      if (canonical === token) return;
      const users = drop(token);
      if (users.length === 0 && canonical === before) return;
      for (const userId of users) put(userId, canonical, sentAt);
      changes.emit({ type: "replaced", token, canonicalRegistrationId: canonical, userIds: users });
    },

    remove(token, reason, sentAt = Number.MAX_VALUE) {
      if (registeredSince(token, sentAt)) return;
      rewrites.bury(token, sentAt);
      const users = drop(token);
      if (users.length > 0) changes.emit({ type: "removed", token, reason, userIds: users });
    },

    suspect(token, reason) {
      changes.emit({ type: "suspect", token, reason, userIds: [...(byToken.get(token)?.users ?? [])] });
    },

    onChange: changes.listen,

    get size() {
      return size;
    },
  };
  return store;
}

/** Changes in their order, to every listener, even when a listener makes another change. */
function createChangeFeed() {
  const listeners = new Set<(change: RegistrationChange) => void>();
  const waiting: RegistrationChange[] = [];
  let sequence = 0;
  let delivering = false;

  function deliver(change: RegistrationChange): void {
    for (const listener of [...listeners]) {
      try {
        listener(change);
      } catch (error) {
        publish("cloud-messaging:notice", () => ({
          transport: "registration-store",
          notice: "change-listener-failed",
          detail: nameOfError(error),
        }));
      }
    }
  }

  return {
    emit(change: WithoutSequence<RegistrationChange>): void {
      sequence++;
      waiting.push({ ...change, sequence } as RegistrationChange);
      if (delivering) return;
      delivering = true;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) deliver(next);
      delivering = false;
    },
    listen(listener: (change: RegistrationChange) => void): () => void {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
