// What does a registration store cost beside its bare driver, which runs the same statements?
import { applyReport } from "@cloud-messaging/core/transport";
import { inFlight } from "../lib/in-flight.mjs";
import { openPostgres, openRedis } from "../lib/stores.mjs";
import { asServer, startPostgres, startRedis } from "../servers/databases.mjs";

const WIDTH = 8;
const token = (n) => `${n}:APA91b${"x".repeat(140)}`;
const TOKENS = Array.from({ length: 1_000 }, (_, n) => token(n));

/** A user with a token, each new. */
const REGISTER = {
  async ours({ store }) {
    return async (n) => {
      await store.register(`user-${n}`, token(n), { platform: "android" });
      return 1;
    };
  },
  async floor({ bare }, { registerValues }) {
    const run = await bare((store) => store.register("u", "t", { platform: "android" }), registerValues);
    return async (n) => {
      await run(`user-${n}`, token(n));
      return 1;
    };
  },
};

/** A thousand stored tokens. */
const RESOLVE = {
  async ours({ store }) {
    for (const [n, each] of TOKENS.entries()) await store.register(`user-${n}`, each);
    return async () => {
      const { states } = await store.resolve(TOKENS);
      return states.every(({ revision }) => revision !== null) ? 1 : 0;
    };
  },
  async floor({ store, bare }, { resolveValues }) {
    for (const [n, each] of TOKENS.entries()) await store.register(`user-${n}`, each);
    const run = await bare((recording) => recording.resolve(TOKENS), resolveValues);
    return async () => ((await run(TOKENS)).length === 1_000 ? 1 : 0);
  },
};

/** A report of a thousand, ten of them superseded. Whoever has a driver alone looks for those as well. */
const ACCEPTED = TOKENS.map((recipient) => ({ kind: "accepted", recipient }));
const KNOWN = TOKENS.map(() => ({ revision: "1", acceptedAt: Date.now() }));
function reportOf(n) {
  const outcomes = [...ACCEPTED];
  const tokens = [...TOKENS];
  const states = [...KNOWN];
  for (let index = 0; index < 10; index++) {
    const at = index * 100;
    tokens[at] = `old-${n}-${index}`;
    states[at] = { revision: null };
    outcomes[at] = { kind: "accepted", recipient: tokens[at], canonicalRegistrationId: `new-${n}-${index}` };
  }
  return { outcomes, resolution: { tokens, states } };
}
const REPORT = {
  async ours({ store }) {
    return async (n) => {
      const { outcomes, resolution } = reportOf(n);
      await applyReport({ outcomes }, store, resolution);
      return 1;
    };
  },
  async floor({ bare }, { applyValues }) {
    const verdictsOf = (n) => {
      const { outcomes, resolution } = reportOf(n);
      const verdicts = [];
      for (const [position, { kind, canonicalRegistrationId }] of outcomes.entries()) {
        if (kind === "accepted" && canonicalRegistrationId === undefined) continue;
        const { revision } = resolution.states[position];
        verdicts.push({ type: "replaced", token: resolution.tokens[position], revision, canonicalRegistrationId });
      }
      return verdicts;
    };
    const run = await bare((store) => store.apply(verdictsOf("first")), applyValues);
    return async (n) => {
      await run(verdictsOf(n));
      return 1;
    };
  },
};

const POSTGRES = {
  open: openPostgres,
  start: asServer(startPostgres),
  values: {
    registerValues: ([now, , , ...rest], user, of) => [now, user, of, ...rest],
    resolveValues: (_, tokens) => [tokens],
    applyValues: ([now], verdicts) => [now, JSON.stringify(verdicts)],
  },
};
const REDIS = {
  open: openRedis,
  start: asServer(startRedis),
  values: {
    registerValues: ([now, kept, , , ...rest], user, of) => [now, kept, user, of, ...rest],
    resolveValues: ([now, kept], tokens) => [now, kept, ...tokens],
    applyValues: ([now, kept], verdicts) => [
      now,
      kept,
      ...verdicts.flatMap(({ type, token: of, canonicalRegistrationId }) => [
        type,
        of,
        "",
        canonicalRegistrationId,
        "",
        "",
        "",
      ]),
    ],
  },
};

function storeCase(server, name, unit, messages, work) {
  const { open, start, values } = server;
  const contestant = (which) => async (url) => {
    const opened = await open(url, which);
    const one = await work[which](opened, values);
    // processes take turns on one server, each with tokens that are new to it
    let n = process.pid * 1_000_000;
    return { send: (count) => inFlight(count, WIDTH, () => one(n++)), close: opened.close };
  };
  return {
    name,
    group: "stores",
    unit,
    messages,
    startServer: start,
    contestants: { floor: contestant("floor"), ours: contestant("ours") },
    target: { floor: 1.3 },
  };
}

export default [
  storeCase(POSTGRES, "stores-postgres-register", "register", 3_000, REGISTER),
  storeCase(POSTGRES, "stores-postgres-resolve-1000", "resolve of 1000", 300, RESOLVE),
  storeCase(POSTGRES, "stores-postgres-report-1000", "report of 1000", 1_000, REPORT),
  storeCase(REDIS, "stores-redis-register", "register", 6_000, REGISTER),
  storeCase(REDIS, "stores-redis-resolve-1000", "resolve of 1000", 300, RESOLVE),
  storeCase(REDIS, "stores-redis-report-1000", "report of 1000", 1_000, REPORT),
];
