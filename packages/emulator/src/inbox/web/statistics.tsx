import type { EmulatorStats } from "../../stats.ts";
import type { Api } from "./api.ts";
import { useEffect, useState } from "./preact.ts";

/** Polling interval: counters are not part of any event. Unit: milliseconds. */
const REFRESH_MS = 1000;

/** Deliveries so far, one per message and device, in the breakdown of the Google Cloud Console. */
const NUMBERS: readonly (keyof EmulatorStats & string)[] = [
  "delivered",
  "collapsed",
  "waiting",
  "discarded",
  "expired",
];

/** Delivery statistics. */
export function Statistics({ api }: { api: Api }) {
  const [stats, setStats] = useState<EmulatorStats>();
  useEffect(() => {
    const ask = (): void => void api.stats().then((found) => found !== undefined && setStats(found));
    ask();
    const timer = setInterval(ask, REFRESH_MS);
    return () => clearInterval(timer);
  }, [api]);
  if (stats === undefined) return null;
  return (
    <dl class="statistics" aria-label="Deliveries">
      {NUMBERS.map((name) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{Number(stats[name]).toLocaleString("en")}</dd>
        </div>
      ))}
    </dl>
  );
}
