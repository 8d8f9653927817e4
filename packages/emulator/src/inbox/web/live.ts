import { type Api, PAGE } from "./api.ts";
import { type InboxState, type LiveEvent, MAX_LISTED } from "./state.ts";
import { openStream } from "./stream.ts";

/** State of the event stream. */
export type Link = "connecting" | "live" | "lost";

/** Delay before a failed request is retried. Unit: milliseconds. */
const RETRY_MS = 1000;

/**
 * Keeps the state up to date: a complete load, then events. Starts over after a lost connection.
 *
 * @param onChange Called after each change; batch rendering per frame.
 */
export function follow(state: InboxState, api: Api, onChange: (link: Link) => void): () => void {
  let link: Link = "connecting";
  let ended = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  /** Events received during the complete load. */
  let early: LiveEvent[] | undefined;
  let generation = 0;

  const changed = (now: Link = link): void => {
    link = now;
    if (!ended) onChange(link);
  };
  const refresh = (): void => {
    const { stale } = state;
    if (stale.all) void load();
    if (stale.connections) askForConnections();
    if (stale.faults) askForFaults();
    stale.all = stale.connections = stale.faults = false;
  };
  const askForConnections = oneAtATime(async () => {
    const found = await api.connections();
    if (found !== undefined) state.connections = found.connections;
    changed();
  });
  const askForFaults = oneAtATime(async () => {
    const found = await api.faults();
    if (found !== undefined) state.faults = found.faults;
    changed();
  });

  const load = async (): Promise<void> => {
    const mine = ++generation;
    clearTimeout(retry);
    early = [];
    const [about, page, devices, connections, faults] = await Promise.all([
      api.about(),
      api.messages(),
      api.devices(),
      api.connections(),
      api.faults(),
    ]);
    if (ended || mine !== generation) return;
    if (!about || !page || !devices || !connections || !faults) {
      retry = setTimeout(load, RETRY_MS);
      return changed("lost");
    }
    state.load({ ...page, ...devices, ...connections, ...faults, now: about.now, full: about.full });
    const waiting = early;
    early = undefined;
    for (const event of waiting) state.apply(event);
    changed("live");
    refresh();
    await loadOlder(mine);
  };
  // newest first; older messages follow page by page
  const loadOlder = async (mine: number): Promise<void> => {
    let full = state.messages.length >= PAGE;
    while (full && state.messages.length < MAX_LISTED) {
      const page = await api.messages(state.messages[0]?.id);
      if (ended || mine !== generation || page === undefined) return;
      state.loadOlder(page.messages);
      full = page.messages.length >= PAGE;
      changed();
    }
  };

  const close = openStream(({ kind, data }) => {
    if (kind === "hello") void load();
    else if (kind === "lost") {
      generation++;
      clearTimeout(retry);
      changed("lost");
    } else {
      const event = JSON.parse(data) as LiveEvent;
      if (early !== undefined) early.push(event);
      else {
        state.apply(event);
        refresh();
        changed();
      }
    }
  });

  return () => {
    ended = true;
    clearTimeout(retry);
    close();
  };
}

/** Runs a function once at a time, and once more after the last call. */
function oneAtATime(run: () => Promise<void>): () => void {
  let running = false;
  let again = false;
  return function start(): void {
    if (running) {
      again = true;
      return;
    }
    running = true;
    void run().finally(() => {
      running = false;
      if (!again) return;
      again = false;
      start();
    });
  };
}
