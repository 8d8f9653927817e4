import type { RegisterOptions, RegistrationDetails, SuspectRemoval, Suspicion } from "../registrations/registration.ts";

/** Registration in the model. */
export interface ModelRegistration extends RegistrationDetails {
  readonly id: number;
  readonly order: number;
  readonly userId: string;
  readonly token: string;
  readonly shared: boolean;
  readonly registeredAt: number;
  readonly lastSeenAt: number;
}

/** Change in the model: as in the feed, without its place. */
export type ModelChange = Readonly<Record<string, unknown>> & { readonly type: string; readonly token: string };

/** State of a token in the model, beside its registrations. */
interface ModelToken {
  readonly revision: number;
  readonly acceptedAt?: number | undefined;
  readonly suspicion?: Suspicion | undefined;
}

const FID = /^[cdef][A-Za-z0-9_-]{21}$/;

/**
 * The registration store as plain lists, to compare a real one with: slow, and close to the words of the contract. Written apart from the
 * rules that stores share, so that a mistake in one is not repeated in the other.
 */
export class RegistrationModel {
  now = 0;
  changes: ModelChange[] = [];
  #registrations: readonly ModelRegistration[] = [];
  #tokens: ReadonlyMap<string, ModelToken> = new Map();
  #rewrites: ReadonlyMap<string, { readonly to: string; readonly at: number }> = new Map();
  #count = 0;
  /** Revisions that were handed out, by the name of the resolution and the token. */
  #remembered: ReadonlyMap<string, number | null> = new Map();

  clone(): RegistrationModel {
    const copy = new RegistrationModel();
    copy.now = this.now;
    copy.changes = [...this.changes];
    copy.#registrations = this.#registrations;
    copy.#tokens = this.#tokens;
    copy.#rewrites = this.#rewrites;
    copy.#count = this.#count;
    copy.#remembered = this.#remembered;
    return copy;
  }

  /** The same for models that say the same from now on: of its numbers only the order counts, and which revisions are current. */
  get key(): string {
    const orders = this.#registrations.map(({ order }) => order).sort((a, b) => a - b);
    const isCurrent = ([name, revision]: readonly [string, number | null]): boolean =>
      (this.#tokens.get(name.slice(name.indexOf(" ") + 1))?.revision ?? null) === revision;
    return JSON.stringify([
      this.#registrations.map(({ id, order, ...each }) => JSON.stringify([each, orders.indexOf(order)])).sort(),
      [...this.#tokens].map(([token, { revision, ...state }]) => JSON.stringify([token, state])).sort(),
      [...this.#rewrites].map((each) => JSON.stringify(each)).sort(),
      [...this.#remembered]
        .filter(isCurrent)
        .map(([name]) => name)
        .sort(),
    ]);
  }

  get registrations(): readonly ModelRegistration[] {
    return [...this.#registrations].sort((a, b) => a.id - b.id);
  }

  stateOf(token: string): ModelToken | undefined {
    return this.#tokens.get(token);
  }

  resolve(token: string): string {
    return this.#rewrites.get(token)?.to ?? token;
  }

  /** Keeps the revision of each token under a name, as a send does between asking and telling. */
  remember(name: string, tokens: readonly string[]): void {
    const remembered = new Map(this.#remembered);
    for (const token of tokens) {
      // nothing is sent to a superseded one
      if (!this.#rewrites.has(token)) remembered.set(`${name} ${token}`, this.#tokens.get(token)?.revision ?? null);
    }
    this.#remembered = remembered;
  }

  register(userId: string, token: string, { owner = "newest", ...details }: RegisterOptions): void {
    const fid = fidOf(token);
    const usesId = fid !== undefined && fid !== token && this.#of(fid).length > 0;
    const target = usesId ? fid : token;
    const olderTokens = this.#storedTokens().filter((other) => other !== fid && fidOf(other) === fid);
    const superseded = token === fid ? olderTokens.sort() : usesId ? [token] : [];

    this.#forget(target);
    const told: [string, string[]][] = [];
    for (const each of superseded) {
      if (this.resolve(each) !== target) told.push([each, this.#lead(each, target)]);
    }
    const number = ++this.#count;
    const known = this.#of(target).find((each) => each.userId === userId);
    this.#put({
      ...(known ?? { id: number, registeredAt: this.now }),
      ...details,
      userId,
      token: target,
      shared: owner === "shared",
      order: number,
      lastSeenAt: this.now,
    });
    this.#set(target, { revision: number, acceptedAt: this.#tokens.get(target)?.acceptedAt });

    const lost = this.#settle(target);
    for (const [each, users] of told) {
      const userIds = users.filter((user) => !lost.includes(user)).sort();
      this.#tell({ type: "replaced", token: each, canonicalRegistrationId: target, userIds });
    }
    if (lost.length > 0) this.#tell({ type: "moved", token: target, userIds: [userId], previousUserIds: lost });
    if (fid === undefined || owner === "shared") return;
    const others = this.#storedTokens().filter((other) => other !== fid && other !== target && fidOf(other) === fid);
    for (const other of others.sort()) {
      const previous = this.#of(other).filter((each) => each.userId !== userId);
      for (const each of previous) this.#drop(each);
      const previousUserIds = previous.map((each) => each.userId).sort();
      if (previous.length > 0) this.#tell({ type: "moved", token: other, userIds: [userId], previousUserIds });
    }
  }

  unregister(userId: string, token: string): boolean {
    const names = [token, this.resolve(token)];
    const fids = names.map(fidOf).filter((fid) => fid !== undefined);
    const gone = this.registrations.filter(
      (each) => each.userId === userId && (names.includes(each.token) || fids.some((fid) => fid === fidOf(each.token))),
    );
    for (const each of gone) {
      this.#drop(each);
      this.#tell({ type: "removed", token: each.token, reason: "by-caller", userIds: [userId] });
    }
    return gone.length > 0;
  }

  touch(userId: string, token: string): boolean {
    const known = this.#of(this.resolve(token)).find((each) => each.userId === userId);
    if (known !== undefined) this.#put({ ...known, lastSeenAt: this.now });
    return known !== undefined;
  }

  replaced(name: string, token: string, canonical: string): void {
    if (!this.#isCurrent(name, token) || token === canonical) return;
    const before = this.#tokens.get(token);
    if (this.resolve(canonical) === token) this.#forget(canonical);
    const target = this.resolve(canonical);
    const known = this.#tokens.get(target);
    const users = this.#lead(token, target);
    if (users.length > 0) {
      const accepted = [before?.acceptedAt, known?.acceptedAt].filter((at) => at !== undefined);
      this.#set(target, {
        revision: ++this.#count,
        acceptedAt: accepted.length > 0 ? Math.max(...accepted) : undefined,
        suspicion: known?.suspicion,
      });
    }
    const lost = this.#settle(target);
    const userIds = users.filter((user) => !lost.includes(user)).sort();
    this.#tell({ type: "replaced", token, canonicalRegistrationId: target, userIds });
    const owners = this.#usersOf(target);
    if (lost.length > 0) this.#tell({ type: "moved", token: target, userIds: owners, previousUserIds: lost });
  }

  removed(name: string, token: string, reason: string): void {
    if (this.#isCurrent(name, token)) this.#remove(token, reason);
  }

  suspect(name: string, token: string, reason: string, sender: string, removal: SuspectRemoval | undefined): void {
    const state = this.#tokens.get(token);
    if (!this.#isCurrent(name, token) || state === undefined) return;
    const isSame = state.suspicion?.sender === sender;
    const refusals = (isSame ? (state.suspicion?.refusals ?? 0) : 0) + 1;
    const since = isSame ? (state.suspicion?.since ?? this.now) : this.now;
    if (removal !== undefined && refusals >= removal.refusals && this.now - since >= removal.overMs) {
      this.#remove(token, "suspect");
      return;
    }
    const suspicion = { sender, refusals, since };
    this.#set(token, { ...state, suspicion });
    this.#tell({ type: "suspect", token, reason, suspicion, userIds: this.#usersOf(token) });
  }

  accepted(name: string, token: string): void {
    const state = this.#tokens.get(token);
    if (!this.#isCurrent(name, token) || state === undefined) return;
    this.#set(token, { revision: state.revision, acceptedAt: this.now });
  }

  /** Removes what was not seen since, and forgets the rewrites from before. Returns what was removed. */
  removeUnseen(before: number): readonly ModelRegistration[] {
    const unseen = this.registrations.filter((each) => each.lastSeenAt < before);
    for (const each of unseen) {
      this.#drop(each);
      this.#tell({ type: "removed", token: each.token, reason: "unseen", userIds: [each.userId] });
    }
    for (const [token, { at }] of this.#rewrites) if (at < before) this.#forget(token);
    return unseen;
  }

  #isCurrent(name: string, token: string): boolean {
    const revision = this.#tokens.get(token)?.revision ?? null;
    return !this.#rewrites.has(token) && this.#remembered.get(`${name} ${token}`) === revision;
  }

  /** Gives the users of a token the target instead, and whatever led to it. */
  #lead(token: string, target: string): string[] {
    const moving = this.#of(token);
    for (const each of moving) {
      this.#drop(each);
      const same = this.#of(target).find(({ userId }) => userId === each.userId);
      if (same === undefined) this.#put({ ...each, token: target });
      else {
        const latest = each.order > same.order ? each : same;
        this.#put({
          ...same,
          order: latest.order,
          shared: latest.shared,
          registeredAt: Math.min(each.registeredAt, same.registeredAt),
          lastSeenAt: Math.max(each.lastSeenAt, same.lastSeenAt),
        });
      }
    }
    const rewrites = new Map(this.#rewrites);
    for (const [source, { to }] of rewrites) if (to === token) rewrites.set(source, { to: target, at: this.now });
    rewrites.set(token, { to: target, at: this.now });
    this.#rewrites = rewrites;
    return moving.map(({ userId }) => userId);
  }

  /** Leaves a token to those whom its latest registration leaves it to. Returns who lost it. */
  #settle(token: string): string[] {
    const byOrder = [...this.#of(token)].sort((a, b) => b.order - a.order);
    if (byOrder[0] === undefined || byOrder[0].shared) return [];
    const lost = byOrder.slice(1);
    for (const each of lost) this.#drop(each);
    return lost.map(({ userId }) => userId).sort();
  }

  #remove(token: string, reason: string): void {
    const userIds = this.#usersOf(token);
    for (const each of this.#of(token)) this.#drop(each);
    for (const [source, { to }] of this.#rewrites) if (to === token) this.#forget(source);
    if (userIds.length > 0) this.#tell({ type: "removed", token, reason, userIds });
  }

  #of(token: string): readonly ModelRegistration[] {
    return this.registrations.filter((each) => each.token === token);
  }

  #usersOf(token: string): string[] {
    return this.#of(token)
      .map(({ userId }) => userId)
      .sort();
  }

  #storedTokens(): string[] {
    return [...new Set(this.#registrations.map(({ token }) => token))];
  }

  #put(registration: ModelRegistration): void {
    this.#registrations = [...this.#registrations.filter(({ id }) => id !== registration.id), registration];
  }

  #drop({ id, token }: ModelRegistration): void {
    this.#registrations = this.#registrations.filter((each) => each.id !== id);
    if (this.#of(token).length > 0) return;
    const tokens = new Map(this.#tokens);
    tokens.delete(token);
    this.#tokens = tokens;
  }

  #set(token: string, state: ModelToken): void {
    this.#tokens = new Map(this.#tokens).set(token, state);
  }

  #forget(token: string): void {
    const rewrites = new Map(this.#rewrites);
    rewrites.delete(token);
    this.#rewrites = rewrites;
  }

  #tell(change: ModelChange): void {
    this.changes.push({ ...change, at: this.now });
  }
}

function fidOf(token: string): string | undefined {
  const [head = ""] = token.split(":");
  return FID.test(head) ? head : undefined;
}
