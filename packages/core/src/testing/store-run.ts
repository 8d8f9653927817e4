import type { RegistrationToken } from "../message/token.ts";
import type { Registration, RegistrationChange, RegistrationVerdict, Revision } from "../registrations/registration.ts";
import type { RegistrationQuery, RegistrationStore } from "../registrations/registration-store.ts";
import { type ManualClock, systemClock, wait } from "../time/clock.ts";
import { type Command, TOKENS, USERS } from "./commands.ts";
import { RegistrationModel } from "./model.ts";

/** Longest time that a feed may take to show a change that was confirmed. Unit: milliseconds. */
const FEED_PATIENCE_MS = 2_000;
const MISMATCH = "mismatch-sender-id";
const MARK = "mark" as RegistrationToken;

/** Difference between a store and the contract. */
export class ContractBroken extends Error {
  override readonly name = "ContractBroken";
}

/** Runs commands on a store and on the model side by side, and compares what both say after each. */
export class StoreRun {
  readonly #stores: readonly RegistrationStore[];
  readonly #clock: ManualClock;
  /** Every state that the store may be in: more than one after calls that ran at once. */
  #models: readonly RegistrationModel[];
  readonly #revisions = new Map<string, Revision>();
  #cursor = "";
  #call = 0;
  /** Calls have run at once: the order in which the store took them need not be that of its answers. */
  #unordered = false;

  /** @param stores Handles of one store, used in turn. */
  constructor(stores: readonly RegistrationStore[], clock: ManualClock) {
    this.#stores = stores;
    this.#clock = clock;
    this.#models = [new RegistrationModel()];
  }

  async run(commands: readonly Command[]): Promise<void> {
    this.#cursor = (await this.#store().changes({ from: "newest", limit: 1 })).cursor;
    for (const [index, command] of commands.entries()) {
      try {
        await this.#step(command);
        await this.#observe();
        if (this.#models.length > 1) {
          this.#models = [...new Map(this.#models.map((model) => [model.key, model])).values()];
        }
      } catch (error) {
        const steps = commands.slice(0, index + 1).map((each, at) => `  ${at + 1}. ${JSON.stringify(each)}`);
        const problem = error instanceof ContractBroken ? error.message : `it failed: ${String(error)}`;
        throw new ContractBroken(`After\n${steps.join("\n")}\n${problem}`, { cause: error });
      }
    }
  }

  #store(): RegistrationStore {
    return this.#stores[this.#call++ % this.#stores.length] as RegistrationStore;
  }

  async #step(command: Command): Promise<void> {
    for (const model of this.#models) {
      model.now = this.#clock.now();
      model.changes = [];
    }
    if (command.do === "together") return this.#together(command.commands);
    if (command.do === "advance") await this.#clock.advance(command.ms);
    else if (command.do === "setClock") this.#clock.setWallClock(this.#clock.now() + command.byMs);
    else if (command.do === "readPages") await this.#readPages(command.limit);
    else {
      const said = text(await this.#perform(command));
      this.#keep(`${command.do} answered`, said, (model) => text(simulate(model, command)));
    }
  }

  async #together(commands: readonly Command[]): Promise<void> {
    this.#unordered = true;
    const answers = await Promise.all(commands.map((each) => this.#perform(each)));
    const said = text(answers);
    const models = new Map<string, RegistrationModel>();
    const expected = new Set<string>();
    for (const order of permutations(commands.map((_, index) => index))) {
      for (const before of this.#models) {
        const model = before.clone();
        const simulated: unknown[] = [];
        for (const index of order) simulated[index] = simulate(model, commands[index] as Command);
        expected.add(text(simulated));
        if (text(simulated) === said) models.set(model.key + text(model.changes), model);
      }
    }
    if (models.size === 0) {
      throw new ContractBroken(
        `the calls answered ${said}\nwhich is due in no order of them: ${[...expected].join(" or ")}`,
      );
    }
    this.#models = [...models.values()];
  }

  /** Makes a call of the store. */
  async #perform(command: Command): Promise<unknown> {
    const store = this.#store();
    switch (command.do) {
      case "register":
        await store.register(command.user, command.token, command.options);
        return undefined;
      case "unregister":
        return store.unregister(command.user, command.token);
      case "touch":
        return store.touch(command.user, command.token);
      case "resolve": {
        const { tokens, states } = await store.resolve(TOKENS as readonly string[] as readonly RegistrationToken[]);
        for (const [index, token] of TOKENS.entries()) {
          // nothing is sent to a superseded one
          const revision = tokens[index] === token ? states[index]?.revision : undefined;
          if (revision !== undefined) this.#revisions.set(`${command.name} ${token}`, revision);
        }
        return undefined;
      }
      case "removeUnseen": {
        const before = this.#clock.now() - command.forMs;
        const { limit } = command;
        const removed = await allPages(limit, async () => {
          const page = await store.removeUnseen({ before, limit });
          return { entries: page.removed, next: page.more ? "more" : undefined };
        });
        return removed.map(({ userId, token }) => `${userId} ${token}`).sort();
      }
      default: {
        const verdict = this.#verdict(command);
        if (verdict !== undefined) await store.apply([verdict]);
        return undefined;
      }
    }
  }

  /** The verdict of a command; `undefined` where the resolution that it names was left out, or gave another token to send to. */
  #verdict(command: Command): RegistrationVerdict | undefined {
    if (!("after" in command)) return undefined;
    const token = command.token as RegistrationToken;
    const revision = this.#revisions.get(`${command.after} ${token}`);
    if (revision === undefined) return undefined;
    switch (command.do) {
      case "replaced":
        return {
          type: "replaced",
          token,
          revision,
          canonicalRegistrationId: command.canonical as RegistrationToken,
        };
      case "removed":
        return { type: "removed", token, revision, reason: command.reason };
      case "suspect": {
        const { sender, removal } = command;
        const verdict = { type: "suspect", token, revision, reason: MISMATCH, sender } as const;
        return removal === undefined ? verdict : { ...verdict, removal };
      }
      case "accepted":
        return { type: "accepted", token, revision };
    }
  }

  /** Compares all that can be seen of the store from outside with the models. */
  async #observe(): Promise<void> {
    const [resolution, ...byUser] = await Promise.all([
      this.#store().resolve(TOKENS as readonly string[] as readonly RegistrationToken[]),
      ...USERS.map((user) => this.#store().registrationsOf(user)),
    ]);
    for (const registration of byUser.flat()) {
      const index = TOKENS.indexOf(registration.token as never);
      const revision = resolution.states[index]?.revision;
      if (registration.revision !== revision || revision === null) {
        throw new ContractBroken(
          `registrationsOf gave revision ${registration.revision} of ${registration.token}, resolve ${revision}`,
        );
      }
    }
    const known = resolution.states.map(({ revision, ...state }) => ({ stored: revision !== null, ...state }));
    this.#keep("resolve answered", text([resolution.tokens, known]), (model) =>
      text([TOKENS.map((token) => model.resolve(token)), TOKENS.map((token) => stateIn(model, model.resolve(token)))]),
    );
    for (const [index, user] of USERS.entries()) {
      const found = (byUser[index] ?? []).map(({ revision, ...registration }) => registration);
      this.#keep(`registrationsOf(${user}) answered`, this.#list(found), (model) =>
        this.#list(registrationsIn(model).filter(({ userId }) => userId === user)),
      );
    }
    const changes = this.#inAnyOrder((await this.#readChanges()).map(normalChange));
    this.#keep("the change feed had", changes, (model) => this.#inAnyOrder(model.changes));
  }

  /** Reads the changes that have come. Those that are confirmed may be shown a little later, in their order. */
  async #readChanges(): Promise<readonly RegistrationChange[]> {
    const due = new Set(this.#models.map(({ changes }) => changes.length));
    if (due.size > 1) {
      // a change that comes after all of them, and leaves nothing behind
      await this.#store().register("mark", MARK);
      await this.#store().unregister("mark", MARK);
    }
    const [least = 0] = due;
    const read: RegistrationChange[] = [];
    for (let waited = 0; ; waited += 10) {
      const come = await allPages(2, async () => {
        const { changes, cursor } = await this.#store().changes({ from: this.#cursor, limit: 2 });
        const last = changes.at(-1);
        if (last !== undefined && last.cursor !== cursor) {
          throw new ContractBroken(`a page of changes has cursor ${cursor}, and its last change ${last.cursor}`);
        }
        this.#cursor = cursor;
        return { entries: changes, next: last && cursor };
      });
      read.push(...come);
      const isWhole = due.size > 1 ? read.at(-1)?.token === MARK : read.length >= least;
      if (isWhole || waited >= FEED_PATIENCE_MS) return read.filter(({ token }) => token !== MARK);
      await wait(systemClock, 10);
    }
  }

  async #readPages(limit: number): Promise<void> {
    const store = this.#store();
    const now = this.#clock.now();
    const filters = [{}, { platform: "android" }, { seenSince: now - 1_000 }, { seenBefore: now - 1_000 }];
    for (const filter of filters) {
      const found = await allRegistrations(store, { ...filter, limit });
      const seen = byToken(found.map(({ revision, ...registration }) => registration));
      this.#keep(`registrations(${text(filter)}) answered`, seen, (model) => {
        const {
          platform,
          seenSince = Number.NEGATIVE_INFINITY,
          seenBefore = Number.POSITIVE_INFINITY,
        } = filter as {
          readonly platform?: string;
          readonly seenSince?: number;
          readonly seenBefore?: number;
        };
        const isMeant = (each: Omit<Registration, "revision">): boolean =>
          (platform === undefined || each.platform === platform) &&
          each.lastSeenAt >= seenSince &&
          each.lastSeenAt < seenBefore;
        return byToken(registrationsIn(model).filter(isMeant));
      });
    }
    const users = await allUsers(store, limit);
    const usersIn = (model: RegistrationModel) => [...new Set(model.registrations.map(({ userId }) => userId))].sort();
    this.#keep("users answered", text(users.sort()), (model) => text(usersIn(model)));
    this.#keep("counts answered", text(await store.counts()), (model) =>
      text({ registrations: model.registrations.length, users: usersIn(model).length }),
    );
  }

  /** Keeps the models that say the same as the store. */
  #keep(subject: string, said: string, sayIn: (model: RegistrationModel) => string): void {
    const expected = this.#models.map(sayIn);
    const left = this.#models.filter((_, index) => expected[index] === said);
    if (left.length === 0)
      throw new ContractBroken(`${subject} ${said}\nand not ${[...new Set(expected)].join("\nor ")}`);
    this.#models = left;
  }

  #list(registrations: readonly Omit<Registration, "revision">[]): string {
    return this.#unordered ? byToken(registrations) : text(registrations);
  }

  #inAnyOrder(changes: readonly unknown[]): string {
    const texts = changes.map(text);
    return (this.#unordered ? texts.sort() : texts).join(" ");
  }
}

/** Most pages read one after another: more come from a store that never ends. */
const MAX_PAGES = 500;

async function allPages<T>(
  limit: number,
  read: (after: string | undefined) => Promise<{ readonly entries: readonly T[]; readonly next?: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const { entries, next } = await read(after);
    if (entries.length > limit)
      throw new ContractBroken(`a page has ${entries.length} entries, and its limit is ${limit}`);
    all.push(...entries);
    after = next;
    if (after === undefined) return all;
  }
  throw new ContractBroken(`there is always a next page: ${MAX_PAGES} were read`);
}

/** All registrations that a query is for, page by page. */
export function allRegistrations(store: RegistrationStore, query: RegistrationQuery): Promise<Registration[]> {
  return allPages(query.limit, async (after = query.after) => {
    const { registrations, next } = await store.registrations({ ...query, ...(after === undefined ? {} : { after }) });
    return { entries: registrations, next };
  });
}

/** All users, page by page. */
export function allUsers(store: RegistrationStore, limit: number): Promise<string[]> {
  return allPages(limit, async (after) => {
    const { userIds, next } = await store.users({ limit, ...(after === undefined ? {} : { after }) });
    return { entries: userIds, next };
  });
}

function simulate(model: RegistrationModel, command: Command): unknown {
  switch (command.do) {
    case "register":
      return model.register(command.user, command.token, command.options ?? {});
    case "unregister":
      return model.unregister(command.user, command.token);
    case "touch":
      return model.touch(command.user, command.token);
    case "resolve":
      return model.remember(command.name, TOKENS);
    case "replaced":
      return model.replaced(command.after, command.token, command.canonical);
    case "removed":
      return model.removed(command.after, command.token, command.reason);
    case "suspect":
      return model.suspect(command.after, command.token, MISMATCH, command.sender, command.removal);
    case "accepted":
      return model.accepted(command.after, command.token);
    case "removeUnseen":
      return model
        .removeUnseen(model.now - command.forMs)
        .map(({ userId, token }) => `${userId} ${token}`)
        .sort();
    default:
      return undefined;
  }
}

function stateIn(model: RegistrationModel, token: string) {
  const state = model.stateOf(token);
  return { stored: state !== undefined, acceptedAt: state?.acceptedAt, suspicion: state?.suspicion };
}

function registrationsIn(model: RegistrationModel): Omit<Registration, "revision">[] {
  return model.registrations.map(({ id, order, shared, ...registration }) => {
    const { acceptedAt, suspicion } = model.stateOf(registration.token) ?? {};
    return { ...registration, acceptedAt, suspicion } as Omit<Registration, "revision">;
  });
}

function byToken(registrations: readonly Omit<Registration, "revision">[]): string {
  return text(registrations.map(text).sort());
}

function normalChange(change: object): Record<string, unknown> {
  const { cursor, userIds, previousUserIds, ...rest } = change as Record<string, unknown>;
  const sorted = (ids: unknown): unknown => (Array.isArray(ids) ? [...ids].sort() : ids);
  return { ...rest, userIds: sorted(userIds), previousUserIds: sorted(previousUserIds) };
}

/** A value as text, the same for equal values: names sorted, fields without a value left out. */
function text(value: unknown): string {
  return (
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === "object" && each !== null && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
        : each,
    ) ?? "nothing"
  );
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((first, index) =>
    permutations(items.filter((_, at) => at !== index)).map((rest) => [first, ...rest]),
  );
}
