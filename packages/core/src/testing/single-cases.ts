import type { RegistrationToken } from "../message/token.ts";
import type { RegistrationChange, RegistrationVerdict } from "../registrations/registration.ts";
import type { RegistrationStore } from "../registrations/registration-store.ts";
import { type ManualClock, systemClock, wait } from "../time/clock.ts";
import { allRegistrations, allUsers, ContractBroken } from "./store-run.ts";

type Stores = readonly RegistrationStore[];
type SingleCase = (stores: Stores, clock: ManualClock) => Promise<void>;

/** Handle of a call. */
const at = (stores: Stores, call: number): RegistrationStore => stores[call % stores.length] as RegistrationStore;
const asTokens = (tokens: readonly string[]) => tokens as readonly RegistrationToken[];

function expectSame(subject: string, said: unknown, due: unknown): void {
  const [a, b] = [JSON.stringify(said), JSON.stringify(due)];
  if (a !== b) throw new ContractBroken(`${subject} was ${a}, and ${b} is due`);
}

async function expectRefusal(code: string, call: () => unknown): Promise<void> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (error) {
    expectSame("the code of the refusal", (error as { code?: unknown }).code, code);
    return;
  }
  throw new ContractBroken(`${code} is due, and the call answered ${JSON.stringify(answer)}`);
}

async function tokensOf(store: RegistrationStore, userId: string): Promise<string[]> {
  return (await store.registrationsOf(userId)).map(({ token }) => token as string);
}

async function verdictOn(
  store: RegistrationStore,
  token: string,
): Promise<Extract<RegistrationVerdict, { type: "removed" }>> {
  const { states } = await store.resolve(asTokens([token]));
  const revision = states[0]?.revision ?? null;
  return { type: "removed", token: token as RegistrationToken, revision, reason: "not-registered" };
}

async function readAll(store: RegistrationStore, from: string, limit: number, due: number) {
  const read: RegistrationChange[] = [];
  let cursor = from;
  for (let tries = 0; tries < 200; tries++) {
    const page = await store.changes({ from: cursor, limit });
    if (page.changes.length > limit) throw new ContractBroken("a page of changes is longer than its limit");
    read.push(...page.changes);
    cursor = page.cursor;
    if (read.length >= due && page.changes.length === 0) break;
    // a change that is confirmed may be shown a little later
    if (page.changes.length === 0) await wait(systemClock, 10);
  }
  return { read, cursor };
}

/** Cases that are no comparison with the model. */
export const SINGLE_CASES: Readonly<Record<string, SingleCase>> = {
  "bad input is refused by name, and nothing is stored": async ([store]) => {
    if (store === undefined) return;
    const code = "ERR_INVALID_REGISTRATION";
    const registered: [unknown, unknown, unknown?][] = [
      ["", "tok"],
      [7, "tok"],
      ["x".repeat(257), "tok"],
      ["line\nbreak", "tok"],
      ["half \ud83d pair", "tok"],
      ["ada", ""],
      ["ada", "white space"],
      ["ada", "t".repeat(4_097)],
      ["ada", "tok", { owner: "nobody" }],
      ["ada", "tok", { platform: "p".repeat(33) }],
      ["ada", "tok", { locale: 7 }],
      ["ada", "tok", { attributes: { a: "v".repeat(257) } }],
      ["ada", "tok", { attributes: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`a${n}`, ""])) }],
      ["ada", "tok", { color: "red" }],
    ];
    for (const [user, token, options] of registered) {
      await expectRefusal(code, () => store.register(user as string, token as string, options as object));
    }
    expectSame("counts", await store.counts(), { registrations: 0, users: 0 });
    for (const query of [
      { limit: 0 },
      { limit: 10_001 },
      { limit: 1.5 },
      {},
      { limit: 1, after: "no cursor of ours" },
    ]) {
      await expectRefusal("ERR_INVALID_OPTIONS", () => store.registrations(query as { limit: number }));
      await expectRefusal("ERR_INVALID_OPTIONS", () => store.users(query as { limit: number }));
    }
    await expectRefusal("ERR_INVALID_OPTIONS", () => store.changes({ from: "no cursor of ours", limit: 1 }));
    await expectRefusal("ERR_INVALID_OPTIONS", () => store.removeUnseen({ before: 1, limit: 0 }));
  },

  "what register refuses belongs to nobody, and disturbs no other call": async (stores) => {
    await at(stores, 0).register("ada", "tok");
    // what half a surrogate pair becomes where text is written as UTF-8
    await at(stores, 1).register("half \ufffd pair", "other");
    const users = ["", "x".repeat(257), "nul\0", "half \ud83d pair", 7, undefined, null];
    const tokens = ["", "t".repeat(4_097), "nul\0", "white space", "half\ud83d", 7, undefined, null];
    const given = [...users.map((user) => [user, "other"]), ...tokens.map((token) => ["ada", token])] as string[][];
    const calls = given.flatMap(([user, token], n) => [
      at(stores, n).unregister(user as string, token as string),
      at(stores, n).register("grace", `tok-${n}`),
      at(stores, n).touch(user as string, token as string),
    ]);
    const answers = await Promise.all(calls);
    expectSame("answers", new Set(answers.filter((answer) => answer !== undefined)).size, 1);
    expectSame("a sign-out of nobody", answers[0], false);
    for (const user of users) expectSame("tokens of nobody", await tokensOf(at(stores, 0), user as string), []);
    expectSame("counts", await at(stores, 1).counts(), { registrations: given.length + 2, users: 3 });
  },

  "superseded tokens that are old are forgotten, however many they are": async (stores, clock) => {
    const [tokens = [], newer = []] = ["old", "new"].map((name) =>
      asTokens(Array.from({ length: 1_001 }, (_, n) => `${name}-${n}`)),
    );
    await at(stores, 0).apply(
      tokens.map((token, n) => {
        const canonicalRegistrationId = newer[n] as RegistrationToken;
        return { type: "replaced", token, revision: null, canonicalRegistrationId };
      }),
    );
    expectSame("superseded tokens", (await at(stores, 1).resolve(tokens)).tokens, newer);
    await clock.advance(10);
    const query = { before: clock.now(), limit: 1_000 };
    for (let more = true; more; ) ({ more } = await at(stores, 1).removeUnseen(query));
    expectSame("tokens", (await at(stores, 0).resolve(tokens)).tokens, tokens);
  },

  "long tokens and any characters come back as they were, each apart from what is nearly the same": async (stores) => {
    const long = "t".repeat(4_095);
    const tokens = [
      `${long}1`,
      `${long}2`,
      "a%",
      "a_",
      "aa",
      "A%",
      "it's",
      'quo"te',
      "back\\slash",
      "{curly}",
      "$1",
      "?",
      "*",
      "[a-z]",
    ];
    const users = ["ada", "Ada", "ada ", "a%", "ünï 😀", "ünï", "{x}:y", "it's", "*", "u".repeat(256), "__proto__"];
    const attributes = { "it's": 'a "quote"', ünï: "😀", empty: "", ["__proto__"]: "x" };
    for (const [n, token] of tokens.entries()) {
      const user = users[n % users.length] as string;
      await at(stores, n).register(user, token, { locale: "zh-Hant-TW", attributes });
    }
    const resolution = await at(stores, 0).resolve(asTokens(tokens));
    expectSame("tokens", resolution.tokens, tokens);
    expectSame("different revisions", new Set(resolution.states.map(({ revision }) => revision)).size, tokens.length);
    for (const [n, user] of users.entries()) {
      const due = tokens.filter((_, each) => each % users.length === n);
      expectSame(`tokens of ${user}`, await tokensOf(at(stores, n), user), due);
    }
    const [first] = await at(stores, 0).registrationsOf("ada");
    expectSame("attributes", Object.entries(first?.attributes ?? {}).sort(), Object.entries(attributes).sort());
    expectSame("users", (await allUsers(at(stores, 1), 3)).sort(), [...users].sort());
  },

  "tokens of installations whose IDs differ in one character stay apart": async (stores) => {
    const [one, other] = ["cTEST_123456789abcdefg", "cTESTx123456789abcdefg"] as const;
    await at(stores, 0).register("ada", `${one}:a`);
    await at(stores, 1).register("grace", `${other}:a`);
    await at(stores, 2).register("grace", `${one.toUpperCase().replace("C", "c")}:a`);
    await at(stores, 3).register("alan", one);
    expectSame("tokens of ada", await tokensOf(at(stores, 4), "ada"), []);
    expectSame("tokens of alan", await tokensOf(at(stores, 5), "alan"), [one]);
    expectSame("number of tokens of grace", (await tokensOf(at(stores, 6), "grace")).length, 2);
  },

  "1000 tokens are resolved and 1000 verdicts applied in one call each": async (stores) => {
    const tokens = asTokens(Array.from({ length: 1_000 }, (_, n) => `tok-${n}`));
    const stored = tokens.filter((_, n) => n % 50 === 0);
    for (const [n, token] of stored.entries()) await at(stores, n).register("ada", token);
    const { states } = await at(stores, 0).resolve(tokens);
    const verdicts = tokens.map((token, n): RegistrationVerdict => {
      const revision = states[n]?.revision ?? null;
      if (n % 100 === 0)
        return { type: "replaced", token, revision, canonicalRegistrationId: `new-${n}` as RegistrationToken };
      return n % 100 === 50
        ? { type: "removed", token, revision, reason: "not-registered" }
        : { type: "accepted", token, revision };
    });
    await at(stores, 1).apply(verdicts);
    await at(stores, 2).apply(verdicts);
    await at(stores, 3).apply([]);
    const due = tokens.map((token, n) => (n % 100 === 0 ? `new-${n}` : token));
    expectSame("tokens", (await at(stores, 3).resolve(tokens)).tokens, due);
    expectSame("number of tokens of ada", (await tokensOf(at(stores, 4), "ada")).length, 10);
    expectSame("no tokens", await at(stores, 0).resolve([]), { tokens: [], states: [] });
  },

  "a registration is on one page only, even if it is rewritten or registered again meanwhile": async (
    stores,
    clock,
  ) => {
    const names = Array.from({ length: 12 }, (_, n) => `tok-${String(n).padStart(2, "0")}`);
    for (const [n, name] of names.entries()) await at(stores, n).register(`user-${n}`, name, { platform: "android" });
    await clock.advance(10);
    const first = await at(stores, 0).registrations({ limit: 5, platform: "android" });
    const done = first.registrations.map(({ token }) => token as string);
    const left = names.filter((name) => !done.includes(name));
    const [again, toDo, gone] = [done[0], left[0], left[1]] as [string, string, string];
    for (const [token, canonical] of [
      [again, "zzz-again"],
      [toDo, "000-to-do"],
    ] as const) {
      const { revision } = await verdictOn(at(stores, 1), token);
      const canonicalRegistrationId = canonical as RegistrationToken;
      await at(stores, 2).apply([
        { type: "replaced", token: token as RegistrationToken, revision, canonicalRegistrationId },
      ]);
    }
    await at(stores, 3).register(`user-${names.indexOf(done[1] as string)}`, done[1] as string);
    await at(stores, 4).apply([await verdictOn(at(stores, 4), gone)]);
    const rest = await allRegistrations(at(stores, 5), { limit: 5, platform: "android", after: first.next });
    const due = names.map((_, n) => `user-${n}`).filter((user) => user !== `user-${names.indexOf(gone)}`);
    const users = [...first.registrations, ...rest].map(({ userId }) => userId);
    expectSame("users", users.sort(), due.sort());
  },

  "the newest place of the feed shows what comes after it, and a cursor stays good": async (stores) => {
    await at(stores, 0).register("ada", "A");
    await at(stores, 1).register("grace", "A");
    await readAll(at(stores, 0), "oldest", 10, 1);
    const { cursor } = await at(stores, 2).changes({ from: "newest", limit: 10 });
    for (let n = 0; n < 7; n++) await at(stores, n).register(n % 2 === 0 ? "ada" : "grace", "A");
    const whole = await readAll(at(stores, 3), cursor, 10, 7);
    const again = await readAll(at(stores, 4), cursor, 2, 7);
    expectSame(
      "changes",
      whole.read.map(({ userIds }) => userIds[0]),
      ["ada", "grace", "ada", "grace", "ada", "grace", "ada"],
    );
    expectSame("the same changes", again.read, whole.read);
    const third = whole.read[2]?.cursor ?? "";
    expectSame("the rest", (await readAll(at(stores, 5), third, 3, 4)).read, whole.read.slice(3));
    expectSame("all changes", (await readAll(at(stores, 0), "oldest", 3, 8)).read.length, 8);
  },

  "whoever watches the feed is woken by a change, until he ends it": async (stores) => {
    const store = at(stores, 0);
    if (store.watch === undefined) return;
    let woken = 0;
    const stop = store.watch(() => {
      woken++;
    });
    // a watch that has to connect first may miss what comes before
    for (let n = 0; n < 200 && woken === 0; n++) {
      await at(stores, n + 1).register(n % 2 === 0 ? "ada" : "grace", "A");
      await wait(systemClock, 25);
    }
    stop();
    if (woken === 0) throw new ContractBroken("nothing woke whoever watches the feed");
  },

  "many users who register one token at once leave it to one of them, and every other is told": async (stores) => {
    const { cursor } = await at(stores, 0).changes({ from: "newest", limit: 1 });
    const users = Array.from({ length: 24 }, (_, n) => `user-${n}`);
    await Promise.all(users.map((user, n) => at(stores, n).register(user, "A")));
    const owners: string[] = [];
    for (const user of users) if ((await tokensOf(at(stores, 0), user)).length > 0) owners.push(user);
    expectSame("number of owners", owners.length, 1);
    expectSame("counts", await at(stores, 1).counts(), { registrations: 1, users: 1 });
    const { read } = await readAll(at(stores, 2), cursor, 100, 23);
    const lost = read.flatMap((change) => (change.type === "moved" ? change.previousUserIds : []));
    expectSame("users who lost it", lost.sort(), users.filter((user) => user !== owners[0]).sort());
  },

  "one user who registers one token many times at once has it once": async (stores) => {
    await Promise.all(Array.from({ length: 24 }, (_, n) => at(stores, n).register("ada", "A", { platform: "ios" })));
    expectSame("tokens", await tokensOf(at(stores, 0), "ada"), ["A"]);
    expectSame("counts", await at(stores, 1).counts(), { registrations: 1, users: 1 });
  },

  "an installation's ID and tokens that are registered at once end as the ID": async (stores) => {
    const fid = "cTEST0123456789abcdefg";
    const names = [fid, `${fid}:1`, `${fid}:2`, fid, `${fid}:1`, `${fid}:2`];
    await Promise.all(names.map((name, n) => at(stores, n).register("ada", name)));
    await at(stores, 0).register("ada", `${fid}:3`);
    expectSame("tokens", await tokensOf(at(stores, 1), "ada"), [fid]);
    const { tokens } = await at(stores, 2).resolve(asTokens([`${fid}:3`]));
    expectSame("the token of the installation", tokens, [fid]);
  },

  "senders that learn the same at once make one change of it": async (stores) => {
    const { cursor } = await at(stores, 0).changes({ from: "newest", limit: 1 });
    await at(stores, 0).register("ada", "A");
    const { revision } = await verdictOn(at(stores, 1), "A");
    const canonicalRegistrationId = "B" as RegistrationToken;
    const verdict = { type: "replaced", token: "A" as RegistrationToken, revision, canonicalRegistrationId } as const;
    await Promise.all(Array.from({ length: 12 }, (_, n) => at(stores, n).apply([verdict])));
    await at(stores, 1).register("grace", "B");
    const { read } = await readAll(at(stores, 2), cursor, 10, 2);
    expectSame(
      "changes",
      read.map(({ type }) => type),
      ["replaced", "moved"],
    );
  },

  "a chain of rewrites that arrives at once leads to its end": async (stores) => {
    const names = Array.from({ length: 8 }, (_, n) => `chain-${n}`);
    for (const [n, name] of names.entries()) await at(stores, n).register(`user-${n}`, name, { owner: "shared" });
    for (let round = 0; round < 8; round++) {
      // what was superseded in an earlier round is not asked for again
      const { tokens } = await at(stores, round).resolve(asTokens(names));
      const verdicts = await Promise.all(
        names.slice(0, -1).map(async (name, n) => ({
          ...(await verdictOn(at(stores, n), name)),
          type: "replaced" as const,
          canonicalRegistrationId: names[n + 1] as RegistrationToken,
        })),
      );
      await Promise.all(verdicts.map((verdict, n) => at(stores, n).apply([verdict])));
      if (tokens.every((token) => token === names.at(-1))) break;
    }
    const { tokens } = await at(stores, 0).resolve(asTokens(names));
    expectSame("tokens", new Set(tokens).size, 1);
    expectSame("counts", await at(stores, 1).counts(), { registrations: 8, users: 8 });
  },
};
