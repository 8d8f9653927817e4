import type { CapturedMessage, TimelineEntry } from "../../model/message.ts";
import type { Api } from "./api.ts";
import { clockTime, duration, fullTime, offset, prettyJson, protocolName, toneOf } from "./format.ts";
import { NotificationPreview, plural } from "./notification-preview.tsx";
import { useState } from "./preact.ts";
import type { InboxState } from "./state.ts";
import { CopyButton, Empty, Facts, StateBadge, Token } from "./ui.tsx";
import { useAsked } from "./use-asked.ts";

const TABS = ["Overview", "JSON", "Wire"] as const;

/** Message with its content, timeline and preview. */
export function MessageDetail({
  id,
  state,
  api,
  onClose,
}: {
  id: number;
  state: InboxState;
  api: Api;
  onClose: () => void;
}) {
  // a pruned message cannot be requested any more
  const ask = () => (id <= state.pruned ? Promise.resolve(undefined) : api.message(id));
  const message = useAsked(String(id), state.message(id), ask);
  return (
    <article class="pane detail" aria-label={`Message ${id}`}>
      {message === undefined ? (
        <Empty title={`Message ${id}`}>
          <p>Not here: it is still being asked for, or it was pruned or cleared.</p>
          <button type="button" onClick={onClose}>
            Back to the list
          </button>
        </Empty>
      ) : (
        <Message message={message} state={state} onClose={onClose} />
      )}
    </article>
  );
}

function Message({ message, state, onClose }: { message: CapturedMessage; state: InboxState; onClose: () => void }) {
  const [tab, setTab] = useState<(typeof TABS)[number]>("Overview");
  const title = message.notification?.["title"];
  return (
    <>
      <header class="detail-head">
        <button type="button" class="quiet icon back" aria-label="Back to the list" onClick={onClose}>
          <span aria-hidden="true">←</span>
        </button>
        <div class="detail-title">
          <h2>{typeof title === "string" && title !== "" ? title : "Data message"}</h2>
          <p>
            <StateBadge state={message.state} />
            <span class="muted">
              #{message.id} · {protocolName(message.protocol)} · {fullTime(message.at)}
            </span>
          </p>
        </div>
      </header>
      <div class="tabs" role="tablist" aria-label="Forms of the message">
        {TABS.map((name) => (
          <button key={name} type="button" role="tab" aria-selected={tab === name} onClick={() => setTab(name)}>
            {name}
          </button>
        ))}
      </div>
      <div class="scroll" role="tabpanel" aria-label={tab}>
        {tab === "Overview" ? (
          <Overview message={message} state={state} />
        ) : tab === "JSON" ? (
          <Source text={JSON.stringify(message, undefined, 2)} />
        ) : (
          <Source text={prettyJson(message.wire)} raw={message.wire} />
        )}
      </div>
    </>
  );
}

function Overview({ message, state }: { message: CapturedMessage; state: InboxState }) {
  const { data, notification, timeline, reason, code } = message;
  const device = [...state.devices.values()].find(
    ({ token, supersededTokens }) => token === message.to || supersededTokens.includes(message.to),
  );
  const entries = Object.entries(data);
  return (
    <>
      {toneOf(message.state) === "bad" ? (
        <p class="problem" role="status">
          <b>{message.state}</b>
          {reason === undefined || reason === code ? "" : `: ${reason}`}
          {code === undefined || reason?.startsWith(`${code}:`) ? undefined : <code>{code}</code>}
        </p>
      ) : undefined}
      <div class="halves">
        <section>
          <h3>On the phone</h3>
          {message.state === "rejected" ? (
            <div class="card silent">
              <p>Nothing: the message was refused.</p>
            </div>
          ) : (
            <NotificationPreview
              notification={notification}
              data={data}
              appName={device?.packageName ?? "com.example.app"}
              time={clockTime(message.at)}
            />
          )}
        </section>
        <section>
          <h3>Timeline</h3>
          <Timeline entries={timeline} start={message.at} state={state} />
        </section>
      </div>
      {entries.length > 0 ? (
        <section>
          <h3>
            Data <CopyButton text={JSON.stringify(data, undefined, 2)} />
          </h3>
          <table class="data">
            <tbody>
              {entries.map(([key, value]) => (
                <tr key={key}>
                  <th scope="row">{key}</th>
                  <td>{value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : undefined}
      <section>
        <h3>Message</h3>
        <Facts
          facts={[
            ["To", <Token key="to" token={message.to} />],
            ["Device", device === undefined ? undefined : <a href={`#/devices/${device.id}`}>{device.name}</a>],
            ["Message ID", message.messageId === undefined ? undefined : <Token key="id" token={message.messageId} />],
            ["Sender", message.senderId],
            ["Collapse key", message.collapseKey],
            ["Time to live", message.timeToLiveSec === 0 ? "0 s: now or never" : duration(message.timeToLiveSec)],
            ["Priority", message.priority],
            [
              "Delivered",
              message.devices > 1 ? `to ${message.delivered} of ${plural(message.devices, "device")}` : undefined,
            ],
            ["Options", options(message)],
          ]}
        />
      </section>
    </>
  );
}

function options(message: CapturedMessage): string {
  return [
    message.dryRun && "dry run",
    message.delayWhileIdle && "delayed while idle",
    message.receiptRequested && "receipt asked for",
  ]
    .filter((option) => typeof option === "string")
    .join(", ");
}

function Timeline({ entries, start, state }: { entries: readonly TimelineEntry[]; start: number; state: InboxState }) {
  if (entries.length === 0) return <p class="muted">Nothing yet.</p>;
  return (
    <ol class="timeline">
      {entries.map(({ at, event, deviceId, detail }, index) => {
        const device = deviceId === undefined ? undefined : deviceOf(state, deviceId);
        return (
          // entries are only appended: keyed by position
          <li key={index} class={toneOf(event)}>
            <span class="what">{event.replace("-", " ")}</span>
            <time title={fullTime(at)}>{offset(at - start)}</time>
            {device === undefined ? undefined : <a href={`#/devices/${device.id}`}>{device.name}</a>}
            {detail === undefined ? undefined : <span class="note">{detail}</span>}
          </li>
        );
      })}
    </ol>
  );
}

/** Returns the device by its own ID or by that of its app. */
function deviceOf(state: InboxState, id: string) {
  return state.devices.get(id) ?? [...state.devices.values()].find((device) => device.deviceId === id);
}

function Source({ text, raw = text }: { text: string; raw?: string }) {
  return (
    <div class="source">
      <CopyButton text={raw} />
      <pre class="code">{text}</pre>
    </div>
  );
}
