import { type About, createApi } from "./api.ts";
import { Connections } from "./connections.tsx";
import { Devices } from "./devices.tsx";
import { Faults } from "./faults.tsx";
import { type Filter, filterQuery, readFilterQuery } from "./filter.ts";
import { fullTime } from "./format.ts";
import { follow, type Link } from "./live.ts";
import { MessageDetail } from "./message-detail.tsx";
import { MessageList } from "./message-list.tsx";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./preact.ts";
import { goTo, parseRoute, type Route, setQuery, useRoute, type View } from "./route.ts";
import { InboxState } from "./state.ts";
import { nextTheme, useTheme } from "./theme.ts";
import { CopyButton, Dialog } from "./ui.tsx";

/** Width below which the page has one column; as in inbox.css. Unit: CSS pixels. */
const NARROW = "(max-width: 759px)";
/** Display time of an error. Unit: milliseconds. */
const PROBLEM_MS = 6000;

const VIEWS: readonly (readonly [view: View, label: string, icon: string])[] = [
  ["messages", "Messages", "M3 5h18v14H3z M3 6l9 7 9-7"],
  ["devices", "Devices", "M7 2h10v20H7z M11 19h2"],
  ["connections", "Connections", "M4 12h16 M8 8l-4 4 4 4 M16 8l4 4-4 4"],
  ["faults", "Faults", "M13 2L4 14h7l-1 8 9-12h-7z"],
];

/** The page. */
export function App() {
  const [, redraw] = useState(0);
  const [link, setLink] = useState<Link>("connecting");
  const [problem, setProblem] = useState("");
  const [help, setHelp] = useState(false);
  const [about, setAbout] = useState<About>();
  const [theme, setTheme] = useTheme();
  const route = useRoute();
  const [filter, setFilter] = useFilter(route);
  const narrow = useMedia(NARROW);
  const state = useMemo(() => new InboxState(), []);
  const api = useMemo(() => createApi(setProblem), []);

  // rendered at most once per frame
  const frame = useRef(0);
  const draw = useCallback((): void => {
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      redraw((count) => count + 1);
    });
  }, []);
  useEffect(
    () =>
      follow(state, api, (now) => {
        setLink(now);
        draw();
      }),
    [state, api, draw],
  );
  useEffect(() => {
    if (link === "live") void api.about().then((found) => setAbout(found));
  }, [api, link]);
  useEffect(() => {
    if (problem === "") return;
    const timer = setTimeout(() => setProblem(""), PROBLEM_MS);
    return () => clearTimeout(timer);
  }, [problem]);
  useKeys(setHelp);

  const refreshConnections = useCallback((): void => {
    void api.connections().then((found) => {
      if (found === undefined) return;
      state.connections = found.connections;
      draw();
    });
  }, [api, state, draw]);
  const clear = async (): Promise<void> => {
    // messages that arrived meanwhile stay; the list follows the deletion events of the emulator
    if ((await api.clearMessages(state.total + 1)) !== undefined) goTo("messages");
  };

  const counts: Readonly<Record<View, number>> = {
    messages: state.messages.length,
    devices: state.devices.size,
    connections: state.connections.length,
    faults: state.faults.length,
  };
  const messageId = messageIdOf(route, state);
  if (messageId !== undefined) state.see(messageId);
  const { newCount } = state;
  useLayoutEffect(() => {
    document.title = `${newCount === 0 ? "" : `(${compact(newCount)}) `}Cloud messaging emulator`;
  }, [newCount]);
  return (
    <div class="app">
      <nav class="rail" aria-label="Views">
        <h1>
          <span class="logo" aria-hidden="true">
            <Icon path="M3 5h18v14H3z M3 6l9 7 9-7" />
          </span>
          <span>Cloud messaging emulator</span>
        </h1>
        <ul>
          {VIEWS.map(([view, label, icon]) => (
            <li key={view}>
              <a href={`#/${view}`} aria-current={route.view === view ? "page" : undefined}>
                <Icon path={icon} />
                <span>{label}</span>
                {counts[view] > 0 ? <span class="count">{compact(counts[view])}</span> : undefined}
              </a>
            </li>
          ))}
        </ul>
        <div class="rail-foot">
          <Endpoints about={about} />
          <p class={`link ${link}`} role="status">
            <span class="dot" aria-hidden="true" />
            {link === "live" ? "live" : link === "lost" ? "not connected" : "connecting"}
          </p>
          <ServiceTime aheadMs={state.clockAheadMs} />
          <div class="actions">
            <button type="button" class="quiet small" onClick={() => setTheme(nextTheme(theme))}>
              Theme: {theme}
            </button>
            <button type="button" class="quiet small" onClick={() => setHelp(true)}>
              Keys
            </button>
          </div>
        </div>
      </nav>
      <main>
        {link === "lost" ? (
          <p class="banner" role="status">
            The emulator does not answer. What is shown may be out of date; trying again.
          </p>
        ) : undefined}
        {state.full === undefined ? undefined : (
          <p class="banner" role="status">
            {state.full}
          </p>
        )}
        {!state.loaded ? (
          <p class="empty muted">{link === "lost" ? "" : "Loading…"}</p>
        ) : route.view === "messages" ? (
          <div class={messageId === undefined ? "split" : "split chosen"}>
            <MessageList
              state={state}
              api={api}
              filter={filter}
              onFilter={setFilter}
              selected={messageId}
              onSelect={(id, open) => goTo("messages", String(id), !open)}
              onClear={() => void clear()}
              onSeeAll={() => {
                state.seeAll();
                draw();
              }}
              rowHeight={narrow ? 64 : 40}
              httpUrl={about?.http ?? location.origin}
            />
            {messageId === undefined ? undefined : (
              <MessageDetail key={messageId} id={messageId} state={state} api={api} onClose={() => goTo("messages")} />
            )}
          </div>
        ) : route.view === "devices" ? (
          <Devices
            state={state}
            api={api}
            selected={route.id}
            onSelect={(id) => goTo("devices", id)}
            rowHeight={narrow ? 52 : 46}
          />
        ) : route.view === "connections" ? (
          <Connections state={state} api={api} onRefresh={refreshConnections} />
        ) : (
          <Faults state={state} api={api} />
        )}
      </main>
      {problem === "" ? undefined : (
        <div class="toast" role="alert">
          {problem}
          <button type="button" class="quiet icon" aria-label="Dismiss" onClick={() => setProblem("")}>
            ✕
          </button>
        </div>
      )}
      {help ? <Help onClose={() => setHelp(false)} /> : undefined}
    </div>
  );
}

/** Resolves an ID; `latest` is the newest message. */
function messageIdOf({ view, id }: Route, state: InboxState): number | undefined {
  if (view !== "messages" || id === undefined) return undefined;
  return id === "latest" ? state.messages.at(-1)?.id : Number(id);
}

/** Debounce interval between typing and the update of the address. Unit: milliseconds. */
const ADDRESS_AFTER_MS = 250;

/** Filter of the message list, kept in the address so that it can be bookmarked and shared. */
function useFilter({ view, query }: Route): [filter: Filter, change: (part: Partial<Filter>) => void] {
  const [filter, set] = useState(() => readFilterQuery(parseRoute(location.hash).query ?? ""));
  const mine = filterQuery(filter);
  const there = view === "messages" ? query : undefined;
  const written = useRef<string>();
  useEffect(() => {
    // text typed after the last update of the address is newer than it
    if (there !== undefined && there !== mine && there !== written.current) set(readFilterQuery(there));
    // depends on the address only: newer text is written there
  }, [there]);
  useEffect(() => {
    if (view !== "messages" || there === mine || (there === undefined && mine === "")) return;
    const timer = setTimeout(() => {
      written.current = mine;
      setQuery("messages", mine);
    }, ADDRESS_AFTER_MS);
    return () => clearTimeout(timer);
  }, [view, mine, there]);
  // merged with the present filter: there may be two changes per frame
  const change = useCallback((part: Partial<Filter>) => set((now) => ({ ...now, ...part })), []);
  return [filter, change];
}

function Icon({ path }: { path: string }) {
  return (
    <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

/** Endpoint for programs; copies the complete address. */
function Endpoints({ about }: { about: About | undefined }) {
  if (about === undefined) return null;
  const places = [
    ["HTTP", about.http],
    ["HTTPS", about.https],
    ["CCS", `${about.ccs.host}:${about.ccs.port}`],
  ] as const;
  return (
    <dl class="endpoints">
      {places.map(([name, place]) =>
        place === null ? undefined : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>{place.replace(/^https?:\/\//, "")}</code>
              <CopyButton text={place} />
            </dd>
          </div>
        ),
      )}
    </dl>
  );
}

/** Clock of the service, if it was advanced. */
function ServiceTime({ aheadMs }: { aheadMs: number }) {
  if (Math.abs(aheadMs) < 60_000) return null;
  return <p class="muted">Service time {fullTime(Date.now() + aheadMs).slice(0, 16)}</p>;
}

const KEYS: readonly (readonly [key: string, does: string])[] = [
  ["1 – 4", "Messages, devices, connections, faults"],
  ["/", "Search"],
  ["j, k or arrows", "Next, previous"],
  ["Enter", "Open"],
  ["Esc", "Close, or leave the search"],
  ["Home, End, Page", "Move far"],
  ["?", "This list"],
];

function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">
        A search takes words, <kbd>"several words"</kbd> and fields (<kbd>to:</kbd> <kbd>state:</kbd>{" "}
        <kbd>protocol:</kbd> <kbd>key:</kbd> <kbd>id:</kbd> <kbd>from:</kbd> <kbd>code:</kbd>); <kbd>-</kbd> in front
        means without. It stays in the address.
      </p>
    </Dialog>
  );
}

/** Global keyboard shortcuts. */
function useKeys(setHelp: (open: boolean) => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
      const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      if (event.key === "Escape") {
        if (typing) focusList();
        else if (location.hash.split("/").length > 2) {
          goTo(location.hash.split("/")[1] as View);
          focusList();
        }
        return;
      }
      if (typing) return;
      const view = VIEWS[Number(event.key) - 1]?.[0];
      if (view !== undefined) goTo(view);
      else if (event.key === "/") {
        event.preventDefault();
        document.getElementById("search")?.focus();
      } else if (event.key === "?") setHelp(true);
      else if ((event.key === "j" || event.key === "ArrowDown") && event.target === document.body) {
        event.preventDefault();
        focusList();
        document.querySelector(".list")?.dispatchEvent(new KeyboardEvent("keydown", { key: event.key }));
      }
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [setHelp]);
}

function focusList(): void {
  document.querySelector<HTMLElement>(".list")?.focus();
}

function useMedia(query: string): boolean {
  const list = useMemo(() => matchMedia(query), [query]);
  const [matches, setMatches] = useState(list.matches);
  useEffect(() => {
    const onChange = (): void => setMatches(list.matches);
    list.addEventListener("change", onChange);
    return () => list.removeEventListener("change", onChange);
  }, [list]);
  return matches;
}

function compact(count: number): string {
  return count < 10_000 ? count.toLocaleString("en") : `${Math.floor(count / 1000)}k`;
}
