// Every client of a protocol under each of its faults.
import { ccsFaults } from "./faults/ccs.mjs";
import { httpFaults } from "./faults/http.mjs";
import { runCutUpstream, runOverCcs, runOverHttp } from "./lib/pair.mjs";

/** Clients that run at the same time: nearly all of their time is waiting. */
const AT_ONCE = 4;

/** `{ pairs }`: one for each client and fault, in the order of the page. */
export async function runFaults(protocol, context) {
  const { default: clients } = await import(`./clients/${protocol}.mjs`);
  const runs = protocol === "ccs" ? ccsRuns(context) : httpRuns(protocol, context);
  const pairs = runs.flatMap(({ fault, http, run }) =>
    Object.entries(clients)
      .filter(([, client]) => http === undefined || client.http === http)
      .map(([client, { title }]) => ({ protocol, fault, client, title, run })),
  );
  const waiting = pairs.entries();
  const found = [];
  const work = async () => {
    for (const [index, { run, ...pair }] of waiting) {
      const { counts, ended, done, why } = await run({ protocol, client: pair.client });
      found[index] = { ...pair, counts, ended, seconds: done && done.ms / 1000 };
      console.log(JSON.stringify(found[index]));
      for (const [words, times] of why ?? []) console.log(`  ${times} × ${words.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { pairs: found };
}

const ccsRuns = (context) => [
  ...Object.entries(ccsFaults).map(([name, fault]) => ({
    fault: name,
    run: (of) => runOverCcs(of, fault, context),
  })),
  { fault: "cut", run: (of) => runCutUpstream(of, context) },
];

const httpRuns = (protocol, context) =>
  Object.entries(httpFaults)
    .filter(([, { protocols = [protocol] }]) => protocols.includes(protocol))
    .map(([name, fault]) => ({ fault: name, http: fault.http, run: (of) => runOverHttp(of, fault, context) }));
