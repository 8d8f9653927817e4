// A campaign over a fleet of workers, second by second on a simulated clock: what limits it, and what the engine has to do.
//
//   node scripts/simulate-fleet.mjs          prints the table of docs/scale.md
//
// Chunks are handed out by the rule that every engine follows, `paceAfterClaim` of core. Costs are those of bench/results.md, rounded up;
// latencies are assumptions, and are in the table.
import { paceAfterClaim } from "@cloud-messaging/core/transport";

const CHUNK = 1_000;
const SECOND = 1_000;
const MINUTE = 60_000;
/** Chunks that a worker has in hand. */
const IN_HAND = 2;
const LEASE_MS = 30_000;

/** Transports: recipients per request and per slice, CPU of a recipient through the outbox, requests in flight per worker. */
const TRANSPORTS = {
  "FCM v1": { perRequest: 1, perSlice: 10, cpuUs: 30, inFlight: 1_000 },
  "GCM HTTP": { perRequest: 1_000, perSlice: 1_000, cpuUs: 5, inFlight: 16 },
};

/**
 * Simulates one campaign.
 *
 * @param quotaPerMinute Quota of the project: what goes beyond it is refused, and counts. @param perMinute Rate of the campaign, shared by
 * all workers; `undefined` for none. @param ownQuota Messages per minute that each worker allows itself. @param killEveryMs A worker is
 * killed so often, and replaced; its chunks wait for the end of their leases.
 */
export function simulate({
  recipients = 10_000_000,
  transport = "FCM v1",
  workers,
  latencyMs,
  perMinute,
  rampMs = MINUTE,
  ownQuota = 600_000,
  quotaPerMinute = 600_000,
  killEveryMs = Number.POSITIVE_INFINITY,
}) {
  const { perRequest, perSlice, cpuUs, inFlight } = TRANSPORTS[transport];
  const byLatency = (inFlight * perRequest * SECOND) / latencyMs;
  const byCpu = 1e6 / cpuUs;
  const speed = Math.min(byLatency, byCpu, ownQuota / 60); // recipients a second, one worker
  const hands = Array.from({ length: workers }, () => []);
  const lost = [];
  let waiting = Math.ceil(recipients / CHUNK);
  let pace;
  let settled = 0;
  let inThisMinute = 0;
  let overQuota = 0;
  let peak = 0;
  let claims = 0;
  let writes = 0;
  let now = 0;
  let killed = 0;

  const claim = (hand) => {
    if (lost.length > 0 && lost[0].at <= now) hand.push(lost.shift().left);
    else if (waiting > 0 && (perMinute === undefined || (pace?.nextAt ?? 0) <= now)) {
      waiting--;
      hand.push(CHUNK);
    } else return false;
    if (perMinute !== undefined) pace = paceAfterClaim({ perMinute, rampMs }, pace, now, hand.at(-1));
    claims++;
    return true;
  };

  for (; settled < recipients; now += SECOND) {
    if (now % MINUTE === 0) inThisMinute = 0;
    if (now > 0 && now % killEveryMs === 0) {
      const victim = hands[killed++ % workers];
      for (const left of victim.splice(0)) lost.push({ at: now + LEASE_MS, left });
    }
    const budgets = hands.map(() => speed);
    for (let busy = true; busy; ) {
      busy = false;
      for (const [worker, hand] of hands.entries()) {
        while (hand.length < IN_HAND && claim(hand));
        if (hand.length === 0 || budgets[worker] < 1) continue;
        const sent = Math.min(hand[0], Math.floor(budgets[worker]));
        hand[0] -= sent;
        budgets[worker] -= sent;
        settled += sent;
        writes += 2 * Math.ceil(sent / perSlice); // the mark and the outcomes
        inThisMinute += sent;
        if (inThisMinute > quotaPerMinute) overQuota += sent;
        if (hand[0] === 0) hand.shift();
        busy = true;
      }
    }
    peak = Math.max(peak, inThisMinute);
  }
  const seconds = now / SECOND;
  const average = recipients / seconds;
  const limits = [
    ["the campaign's rate", perMinute === undefined ? Number.POSITIVE_INFINITY : perMinute / 60],
    ["each worker's quota", (ownQuota / 60) * workers],
    ["requests in flight", byLatency * workers],
    ["CPU", byCpu * workers],
  ];
  const [[limit]] = limits.sort(([, one], [, other]) => one - other);
  return {
    minutes: seconds / 60,
    peak,
    overQuota,
    limit,
    coresEach: (average * cpuUs) / 1e6 / workers,
    inFlightAll: Math.ceil((average / perRequest) * (latencyMs / SECOND)),
    claimsPerSec: claims / seconds,
    updatesPerSec: writes / seconds,
  };
}

const SCENARIOS = [
  ["one worker, nothing shared", { workers: 1, latencyMs: 80 }],
  ["one worker, slow answers", { workers: 1, latencyMs: 400 }],
  ["four workers, the quota not shared", { workers: 4, latencyMs: 80 }],
  ["four workers, the quota divided", { workers: 4, latencyMs: 80, ownQuota: 150_000 }],
  ["two of these four are gone", { workers: 2, latencyMs: 80, ownQuota: 150_000 }],
  ["four workers, slow answers, a rate of 600,000", { workers: 4, latencyMs: 400, perMinute: 600_000 }],
  ["the same, a worker killed each minute", { workers: 4, latencyMs: 400, perMinute: 600_000, killEveryMs: MINUTE }],
  [
    "four workers, slow answers, a rate of 500,000: room for single messages",
    { workers: 4, latencyMs: 400, perMinute: 500_000 },
  ],
  [
    "GCM HTTP, 1,000 a request, one worker",
    { workers: 1, latencyMs: 400, transport: "GCM HTTP", perMinute: 600_000, ownQuota: Number.POSITIVE_INFINITY },
  ],
];

const number = (value, digits = 0) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** The table of docs/scale.md. */
export function fleetTable() {
  const head = [
    "10 M devices, FCM v1 where nothing else is said",
    "latency",
    "minutes",
    "busiest minute",
    "beyond the quota",
    "limit",
    "cores each",
    "requests in flight",
    "claims/s",
    "updates/s",
  ];
  const rows = SCENARIOS.map(([name, settings]) => {
    const result = simulate(settings);
    return [
      name,
      `${settings.latencyMs} ms`,
      number(result.minutes, 1),
      number(result.peak),
      number(result.overQuota),
      result.limit,
      number(result.coresEach, 2),
      number(result.inFlightAll),
      number(result.claimsPerSec, 1),
      number(result.updatesPerSec),
    ];
  });
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

if (process.argv[1] === import.meta.filename) console.log(fleetTable());
