import type { RegistrationToken } from "../message/token.ts";
import { RecentMap } from "../recent-map.ts";

interface Edge {
  readonly to: RegistrationToken;
  /** Time at which the attempt that brought the rewrite was sent. */
  readonly at: number;
}

/** Rewrite or death of a token. */
interface Standing {
  /** The service last named it as canonical, in an answer to an attempt sent then. */
  vouchedAt: number;
  /** The service last said that it is dead, likewise. */
  deadAt: number;
}

/**
 * Rewrites of superseded tokens to canonical ones. The service's answers are ordered by the time their attempts were sent, not by the time they
 * arrived: whatever the order of arrival, the same answers give the same state.
 */
export interface Rewrites {
  /** Remembers a rewrite, unless a newer one of the same token is known. */
  add(token: RegistrationToken, to: RegistrationToken, at: number): void;
  /** The service said that the token is dead. Rewrites onto it from before count no more. */
  bury(token: RegistrationToken, at: number): void;
  /** The app itself has reported the token: what was known of it before counts no more. */
  revive(token: RegistrationToken): void;
  /** True if the token is known to have died after that time. */
  isDeadSince(token: RegistrationToken, at: number): boolean;
  /** The token at the end of the chain that begins here: itself where nothing supersedes it. */
  resolve(token: RegistrationToken): RegistrationToken;
  /** True if anything is remembered. */
  readonly empty: boolean;
}

/** @param limit Tokens remembered at most, and at least half as many; the oldest are forgotten first. */
export function createRewrites(limit: number): Rewrites {
  const edges = new RecentMap<RegistrationToken, Edge>(Math.ceil(limit / 2));
  const standings = new RecentMap<RegistrationToken, Standing>(Math.ceil(limit / 2));

  function standingOf(token: RegistrationToken): Standing {
    let standing = standings.get(token);
    if (standing === undefined) {
      standing = { vouchedAt: Number.NEGATIVE_INFINITY, deadAt: Number.NEGATIVE_INFINITY };
      standings.set(token, standing);
    }
    return standing;
  }

  /** The rewrite of a token, if it still counts: not where the token was named canonical since, nor where its successor has died. */
  function edgeOf(token: RegistrationToken): Edge | undefined {
    const edge = edges.get(token);
    if (edge === undefined || edge.at < (standings.get(token)?.vouchedAt ?? Number.NEGATIVE_INFINITY)) return undefined;
    return isDeadSince(edge.to, edge.at) ? undefined : edge;
  }

  function isDeadSince(token: RegistrationToken, at: number): boolean {
    const standing = standings.get(token);
    return standing !== undefined && standing.deadAt > standing.vouchedAt && standing.deadAt > at;
  }

  return {
    add(token, to, at) {
      const known = edges.get(token);
      if (known === undefined || known.at <= at) {
        edges.set(token, { to, at });
      }
      const standing = standingOf(to);
      standing.vouchedAt = Math.max(standing.vouchedAt, at);
    },
    bury(token, at) {
      const standing = standingOf(token);
      standing.deadAt = Math.max(standing.deadAt, at);
    },
    revive(token) {
      edges.delete(token);
      standings.delete(token);
    },
    isDeadSince,
    resolve(token) {
      let current = token;
      let arrivedAt = Number.NEGATIVE_INFINITY;
      // rewrites of one request were sent at the same time: a chain of them is followed to its end, a circle of them says nothing
      let sameTime: Set<RegistrationToken> | undefined;
      for (let edge = edgeOf(current); edge !== undefined && edge.at >= arrivedAt; edge = edgeOf(current)) {
        if (edge.at > arrivedAt) sameTime = undefined;
        sameTime ??= new Set();
        if (sameTime.has(current)) return current;
        sameTime.add(current);
        current = edge.to;
        arrivedAt = edge.at;
      }
      return current;
    },
    get empty() {
      return edges.empty;
    },
  };
}
