import { prune } from "@cloud-messaging/http-sender";

const DAY_MS = 86_400_000;
/** Google counts a token that was not seen for 270 days as dead. */
const UNSEEN_FOR_MS = 270 * DAY_MS;
const NIGHT_HOUR = 3;

/** Removes what was not seen for long. @returns {Promise<number>} their number */
export async function pruneNow(registrations) {
  let count = 0;
  for await (const _ of prune(registrations, { unseenForMs: UNSEEN_FOR_MS })) count++;
  return count;
}

/** Prunes every night. @returns function that ends that */
export function pruneNightly(registrations) {
  let timer;
  const schedule = () => {
    const next = new Date();
    next.setHours(NIGHT_HOUR, 0, 0, 0);
    if (next.getTime() <= Date.now()) next.setDate(next.getDate() + 1);
    timer = setTimeout(async () => {
      schedule();
      await pruneNow(registrations).then(
        (count) => console.log(`pruned: ${count}`),
        (error) => console.error(`not pruned: ${error.message}`),
      );
    }, next.getTime() - Date.now());
  };
  schedule();
  return () => clearTimeout(timer);
}
