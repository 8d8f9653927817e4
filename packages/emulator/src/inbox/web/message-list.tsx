import type { MessageSummary } from "../live.ts";
import type { Api } from "./api.ts";
import { compileFilter, type Filter, freeWords } from "./filter.ts";
import { clockTime, duration, protocolName, shorten, type Tone, toneOf } from "./format.ts";
import { useEffect, useRef, useState } from "./preact.ts";
import type { InboxState } from "./state.ts";
import { Empty, StateBadge } from "./ui.tsx";
import { VirtualList } from "./virtual-list.tsx";

interface MessageListProps {
  readonly state: InboxState;
  readonly api: Api;
  readonly filter: Filter;
  readonly onFilter: (part: Partial<Filter>) => void;
  readonly selected: number | undefined;
  /** `open`: shown in detail, not only selected. */
  readonly onSelect: (id: number, open: boolean) => void;
  readonly onClear: () => void;
  /** Marks every message as seen. */
  readonly onSeeAll: () => void;
  readonly rowHeight: number;
  readonly httpUrl: string;
}

/** Debounce interval of a server search, and its polling interval. Unit: milliseconds. */
const SEARCH_AFTER_MS = 200;
const SEARCH_AGAIN_MS = 2000;

const TABS: readonly (readonly [tone: Tone | "all", label: string])[] = [
  ["all", "All"],
  ["waiting", "Waiting"],
  ["good", "Delivered"],
  ["bad", "Failed"],
  ["neutral", "Other"],
];

/** Message list, newest first, with its filter. */
export function MessageList(props: MessageListProps) {
  const { state, api, filter, onFilter, selected, onSelect, onClear, onSeeAll, rowHeight, httpUrl } = props;
  const { messages } = state;
  const found = useServerSearch(api, filter.text);
  const test = compileFilter(filter, found);
  const shown = test === undefined ? messages : messages.filter(test);
  const at = (index: number): MessageSummary => shown[shown.length - 1 - index] as MessageSummary;

  // number of messages added on top since the last rendering; another filter is another list
  const before = useRef<{ filter: Filter; head: number }>({ filter, head: 0 });
  const head = shown.at(-1)?.id ?? 0;
  let added = 0;
  if (before.current.filter === filter && before.current.head > 0) {
    while (added < shown.length && at(added).id > before.current.head) added++;
  }
  useEffect(() => {
    before.current = { filter, head };
  });

  const counts: Record<Tone | "all", number> = { all: messages.length, good: 0, waiting: 0, bad: 0, neutral: 0 };
  for (const message of messages) counts[toneOf(message.state)]++;

  let selectedIndex = -1;
  if (selected !== undefined) {
    const found = shown.findLastIndex(({ id }) => id === selected);
    if (found !== -1) selectedIndex = shown.length - 1 - found;
  }
  const select = (index: number, open: boolean): void => onSelect(at(index).id, open);

  return (
    <section class="pane list-pane" aria-label="Messages">
      <div class="toolbar">
        <div class="search">
          <input
            id="search"
            type="search"
            placeholder='Search, to:… -state:… "two words"'
            aria-label="Search messages"
            autocomplete="off"
            spellcheck={false}
            value={filter.text}
            onInput={(event) => onFilter({ text: event.currentTarget.value })}
          />
          <span class="key" aria-hidden="true">
            /
          </span>
        </div>
        <select
          aria-label="Protocol"
          value={filter.protocol}
          onChange={(event) => onFilter({ protocol: event.currentTarget.value })}
        >
          <option value="">All protocols</option>
          <option value="gcm-http">HTTP</option>
          <option value="ccs">CCS</option>
          <option value="fcm-v1">FCM v1</option>
        </select>
        <button type="button" class="quiet" onClick={onClear} disabled={messages.length === 0}>
          Clear
        </button>
      </div>
      <fieldset class="tabs" aria-label="State">
        {TABS.map(([tone, label]) => (
          <button key={tone} type="button" aria-pressed={filter.tone === tone} onClick={() => onFilter({ tone })}>
            {label} <span class="count">{counts[tone].toLocaleString("en")}</span>
          </button>
        ))}
      </fieldset>
      {messages.length === 0 ? (
        <Nothing httpUrl={httpUrl} />
      ) : shown.length === 0 ? (
        <Empty title="No message matches">
          <button type="button" onClick={() => onFilter({ text: "", tone: "all", protocol: "" })}>
            Show all
          </button>
        </Empty>
      ) : (
        <>
          <div class="columns" aria-hidden="true">
            <span>Time</span>
            <span>State</span>
            <span>Protocol</span>
            <span>To</span>
            <span>Content</span>
            <span>Key</span>
            <span>TTL</span>
          </div>
          <VirtualList
            label="Messages, the newest first"
            count={shown.length}
            rowHeight={rowHeight}
            addedOnTop={added}
            selected={selectedIndex}
            onSelect={(index) => select(index, false)}
            onOpen={(index) => select(index, true)}
            keyOf={(index) => at(index).id}
          >
            {(index) => {
              const message = at(index);
              return <Row message={message} name={state.nameOf(message.to)} isNew={state.isNew(message.id)} />;
            }}
          </VirtualList>
        </>
      )}
      <p class="foot">
        {state.total.toLocaleString("en")} captured
        {test === undefined ? "" : `, ${shown.length.toLocaleString("en")} shown`}
        {state.total > messages.length && messages.length > 0
          ? `, the newest ${messages.length.toLocaleString("en")} listed`
          : ""}
        {state.pruned > 0 ? `, ${state.pruned.toLocaleString("en")} pruned` : ""}
        {state.newCount > 0 ? (
          <>
            , {state.newCount.toLocaleString("en")} new
            <button type="button" class="quiet small" onClick={onSeeAll}>
              Mark as seen
            </button>
          </>
        ) : undefined}
      </p>
    </section>
  );
}

/** Matches found by the server in parts of messages that the page does not hold; polled during the search. */
function useServerSearch(api: Api, text: string): ReadonlyMap<string, ReadonlySet<number>> {
  const [found, setFound] = useState<ReadonlyMap<string, ReadonlySet<number>>>(new Map());
  useEffect(() => {
    const words = freeWords(text);
    if (words.length === 0) {
      setFound(new Map());
      return;
    }
    let current = true;
    let timer: ReturnType<typeof setTimeout>;
    const ask = async (): Promise<void> => {
      const pages = await Promise.all(words.map((word) => api.search(word)));
      if (!current) return;
      setFound(new Map(words.map((word, index) => [word, new Set(pages[index]?.messages.map(({ id }) => id))])));
      timer = setTimeout(() => void ask(), SEARCH_AGAIN_MS);
    };
    timer = setTimeout(() => void ask(), SEARCH_AFTER_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [api, text]);
  return found;
}

function Row({ message, name, isNew }: { message: MessageSummary; name: string | undefined; isNew: boolean }) {
  const { at, state, protocol, to, collapseKey, timeToLiveSec, reason, code, devices } = message;
  const failed = toneOf(state) === "bad";
  return (
    <>
      <time class={isNew ? "c-time new" : "c-time"}>
        {clockTime(at)}
        {isNew ? <span class="unseen"> new</span> : undefined}
      </time>
      <span class="c-state">
        <StateBadge state={state} />
      </span>
      <span class="c-protocol">{protocolName(protocol)}</span>
      <span class="c-to" title={to}>
        {name !== undefined ? <b>{name}</b> : to === "" ? <i class="muted">no recipient</i> : shorten(to, 28)}
        {devices > 1 ? <span class="count"> ×{devices}</span> : undefined}
      </span>
      <span class={failed ? "c-what reason" : "c-what"}>
        {failed ? (reason ?? code ?? <Summary message={message} />) : <Summary message={message} />}
      </span>
      <span class="c-key">{collapseKey}</span>
      <span class="c-ttl">{duration(timeToLiveSec)}</span>
    </>
  );
}

/** Short text of a message: its notification, or its data. */
function Summary({ message: { notification, preview } }: { message: MessageSummary }) {
  const words = [notification?.["title"], notification?.["body"]].filter(
    (word) => typeof word === "string" && word !== "",
  );
  if (words.length > 0) return <>{words.join(" · ")}</>;
  return <code>{pairs(preview)}</code>;
}

/** Formats `{"n":"1"}` as `n=1`; truncated data is returned unchanged. */
function pairs(preview: string): string {
  try {
    const data = JSON.parse(preview) as Readonly<Record<string, string>>;
    const parts = Object.entries(data).map(([key, value]) => `${key}=${value}`);
    return parts.length === 0 ? "empty" : parts.join("  ");
  } catch {
    return preview;
  }
}

function Nothing({ httpUrl }: { httpUrl: string }) {
  return (
    <Empty title="No messages yet">
      <p>Send one, and it shows up here by itself:</p>
      <pre class="code">{`curl ${httpUrl}/fcm/send \\
  -H 'Authorization: key=any' -H 'Content-Type: application/json' \\
  -d '{"to":"TOKEN","notification":{"title":"Hello"}}'`}</pre>
      <p>
        Take a token from <a href="#/devices">Devices</a>, or start the emulator with <code>--auto-register</code>.
      </p>
    </Empty>
  );
}
