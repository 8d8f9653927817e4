import type { Platform } from "@cloud-messaging/connection-server";
import type { DeviceMessage } from "../../model/app-instance.ts";
import type { DeviceView } from "../../model/devices.ts";
import type { Api } from "./api.ts";
import { clockTime, shorten } from "./format.ts";
import { NotificationPreview, plural } from "./notification-preview.tsx";
import { useState } from "./preact.ts";
import type { InboxState } from "./state.ts";
import { Statistics } from "./statistics.tsx";
import { Dialog, Empty, Facts, Switch, Token } from "./ui.tsx";
import { useAsked } from "./use-asked.ts";
import { VirtualList } from "./virtual-list.tsx";

const PLATFORM_NAMES: Readonly<Record<Platform, string>> = { android: "Android", ios: "iOS", web: "Web" };

/** Number of messages shown on a phone's screen. */
const SHOWN_ON_PHONE = 20;

interface DevicesProps {
  readonly state: InboxState;
  readonly selected: string | undefined;
  readonly onSelect: (id: string | undefined) => void;
  readonly api: Api;
  readonly rowHeight: number;
}

/** Devices and their apps. */
export function Devices({ state, selected, onSelect, api, rowHeight }: DevicesProps) {
  const [search, setSearch] = useState("");
  const [adding, setAdding] = useState(false);
  const word = search.trim().toLowerCase();
  const all = [...state.devices.values()];
  const shown =
    word === ""
      ? all
      : all.filter((device) =>
          [device.name, device.packageName, device.token, ...device.supersededTokens, ...device.topics].some((part) =>
            part.toLowerCase().includes(word),
          ),
        );
  const at = (index: number): DeviceView => shown[index] as DeviceView;
  const device = selected === undefined ? undefined : state.devices.get(selected);
  return (
    <div class={device === undefined ? "split" : "split chosen"}>
      <section class="pane list-pane" aria-label="Devices">
        <div class="toolbar">
          <div class="search">
            <input
              id="search"
              type="search"
              placeholder="Name, package, token or topic"
              aria-label="Search devices"
              autocomplete="off"
              spellcheck={false}
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
            <span class="key" aria-hidden="true">
              /
            </span>
          </div>
          <button type="button" class="primary" onClick={() => setAdding(true)}>
            Add a device
          </button>
        </div>
        {all.length === 0 ? (
          <Empty title="No devices yet">
            <p>A device has a token to send to, and shows what it gets.</p>
            <button type="button" class="primary" onClick={() => setAdding(true)}>
              Add a device
            </button>
          </Empty>
        ) : (
          <VirtualList
            label="Devices"
            count={shown.length}
            rowHeight={rowHeight + 14}
            addedOnTop={0}
            selected={shown.findIndex(({ id }) => id === selected)}
            onSelect={(index) => onSelect(at(index).id)}
            onOpen={(index) => onSelect(at(index).id)}
            keyOf={(index) => at(index).id}
          >
            {(index) => <DeviceRow device={at(index)} />}
          </VirtualList>
        )}
        <Statistics api={api} />
        <p class="foot">{plural(all.length, "device")}</p>
      </section>
      {device === undefined ? undefined : (
        <DeviceDetail key={device.id} device={device} state={state} api={api} onClose={() => onSelect(undefined)} />
      )}
      {adding ? <AddDevice api={api} onClose={() => setAdding(false)} onAdded={onSelect} /> : undefined}
    </div>
  );
}

function status({ installed, registered, connected, idle }: DeviceView): readonly [tone: string, words: string] {
  if (!registered) return ["bad", "unregistered"];
  if (!installed) return ["bad", "uninstalled"];
  if (!connected) return ["neutral", "offline"];
  return idle ? ["waiting", "idle"] : ["good", "online"];
}

function Status({ device }: { device: DeviceView }) {
  const [tone, words] = status(device);
  return (
    <span class={`badge ${tone}`}>
      <span class="sign" aria-hidden="true" />
      {words}
    </span>
  );
}

function DeviceRow({ device }: { device: DeviceView }) {
  return (
    <div class="device-row">
      <div>
        <b>{device.name}</b>{" "}
        <span class="muted">
          {PLATFORM_NAMES[device.platform]} · {device.packageName}
        </span>
        <code class="muted">{shorten(device.token, 34)}</code>
      </div>
      <div class="device-row-end">
        <Status device={device} />
        <span class="muted">
          {device.stored > 0 ? `${device.stored} stored · ` : ""}
          {device.received} received
        </span>
      </div>
    </div>
  );
}

function DeviceDetail(props: { device: DeviceView; state: InboxState; api: Api; onClose: () => void }) {
  const { device, state, api, onClose } = props;
  const { id } = device;
  return (
    <article class="pane detail" aria-label={`Device ${device.name}`}>
      <header class="detail-head">
        <button type="button" class="quiet icon back" aria-label="Back to the list" onClick={onClose}>
          <span aria-hidden="true">←</span>
        </button>
        <div class="detail-title">
          <h2>{device.name}</h2>
          <p>
            <Status device={device} /> <span class="muted">{device.packageName}</span>
          </p>
        </div>
      </header>
      <div class="scroll">
        <div class="actions">
          <Switch label="Connected" on={device.connected} onChange={(connected) => api.setDevice(id, { connected })} />
          <Switch label="Idle" on={device.idle} onChange={(idle) => api.setDevice(id, { idle })} />
          <button
            type="button"
            onClick={() => api.reregister(id)}
            title="The app registers again: its old token is superseded"
          >
            {device.installed ? "New registration" : "Install again"}
          </button>
          {device.installed ? (
            <button type="button" class="danger" onClick={() => api.uninstall(id)}>
              Uninstall
            </button>
          ) : undefined}
          <button type="button" class="quiet" onClick={() => void api.removeDevice(id).then(onClose)}>
            Remove
          </button>
        </div>
        <div class="halves">
          <Phone device={device} state={state} api={api} />
          <div>
            <section>
              <h3>Registration</h3>
              <Facts
                facts={[
                  ["Platform", PLATFORM_NAMES[device.platform]],
                  ["Token", <Token key="token" token={device.token} />],
                  [
                    "Superseded",
                    device.supersededTokens.length === 0
                      ? undefined
                      : device.supersededTokens.map((token) => <Token key={token} token={token} />),
                  ],
                  ["Senders", device.senderIds.join(", ") || "any"],
                  ["Topics", device.topics.join(", ")],
                  ["Stored", device.stored > 0 ? plural(device.stored, "message") : undefined],
                  ["Receipts", device.confirmReceipts === "auto" ? "confirmed by the app" : "confirmed by hand"],
                ]}
              />
            </section>
            <Upstream device={device} api={api} />
          </div>
        </div>
      </div>
    </article>
  );
}

/** Screen of a phone: newest notification first. */
function Phone({ device, state, api }: { device: DeviceView; state: InboxState; api: Api }) {
  const received = useAsked(device.id, device.received, () => api.received(device.id))?.received ?? [];
  const got = received.slice(-SHOWN_ON_PHONE).reverse();
  return (
    <section class="phone" aria-label="What the phone shows">
      <header>
        <span>{clockTime(Date.now() + state.clockAheadMs).slice(0, 5)}</span>
        <span>{device.connected ? (device.idle ? "idle" : "online") : "no network"}</span>
      </header>
      <div class="shade">
        {got.length === 0 ? <p class="muted">Nothing received yet.</p> : undefined}
        {got.map((message, index) => (
          <PhoneCard key={`${message.receivedAt} ${message.inboxId ?? index}`} message={message} device={device} />
        ))}
      </div>
    </section>
  );
}

function PhoneCard({ message, device }: { message: DeviceMessage; device: DeviceView }) {
  if (message.messageType === "deleted_messages") {
    return (
      <div class="card silent">
        <p>The service discarded {plural(message.totalDeleted ?? 0, "stored message")}: the app is told to sync.</p>
      </div>
    );
  }
  const card = (
    <NotificationPreview
      notification={message.notification}
      data={message.data}
      appName={device.packageName}
      time={clockTime(message.receivedAt).slice(0, 5)}
    />
  );
  return message.inboxId === undefined ? card : <a href={`#/messages/${message.inboxId}`}>{card}</a>;
}

function Upstream({ device, api }: { device: DeviceView; api: Api }) {
  const [fields, setFields] = useState([{ key: "action", value: "hello" }]);
  const [said, setSaid] = useState("");
  const change = (index: number, part: Partial<{ key: string; value: string }>): void =>
    setFields((now) => now.map((field, at) => (at === index ? { ...field, ...part } : field)));
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const data = Object.fromEntries(fields.filter(({ key }) => key !== "").map(({ key, value }) => [key, value]));
    const sent = await api.sendUpstream(device.id, data);
    if (sent !== undefined) setSaid(`On its way as ${sent.messageId}`);
  };
  return (
    <section>
      <h3>Send an upstream message</h3>
      <form class="upstream" onSubmit={(event) => void send(event)}>
        {fields.map(({ key, value }, index) => (
          // form rows are keyed by position
          <div key={index} class="pair">
            <input
              aria-label="Key"
              placeholder="key"
              value={key}
              onInput={(event) => change(index, { key: event.currentTarget.value })}
            />
            <input
              aria-label="Value"
              placeholder="value"
              value={value}
              onInput={(event) => change(index, { value: event.currentTarget.value })}
            />
          </div>
        ))}
        <div class="actions">
          <button type="submit" class="primary">
            Send to the app server
          </button>
          <button type="button" class="quiet" onClick={() => setFields((now) => [...now, { key: "", value: "" }])}>
            Another field
          </button>
        </div>
        <p class="muted" role="status">
          {said}
        </p>
      </form>
    </section>
  );
}

function AddDevice({ api, onClose, onAdded }: { api: Api; onClose: () => void; onAdded: (id: string) => void }) {
  const [name, setName] = useState("");
  const [packageName, setPackageName] = useState("");
  const [token, setToken] = useState("");
  const [platform, setPlatform] = useState<Platform>("android");
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    const device = await api.createDevice({
      ...(name === "" ? {} : { name }),
      ...(packageName === "" ? {} : { packageName }),
      ...(token === "" ? {} : { token }),
      platform,
    });
    if (device === undefined) return;
    onClose();
    onAdded(device.id);
  };
  const field = (label: string, value: string, placeholder: string, set: (value: string) => void) => (
    <label>
      {label}
      <input value={value} placeholder={placeholder} onInput={(event) => set(event.currentTarget.value)} />
    </label>
  );
  return (
    <Dialog title="Add a device" onClose={onClose}>
      <form class="stack" onSubmit={(event) => void add(event)}>
        {field("Name", name, "made up when empty", setName)}
        <label>
          Platform
          <select value={platform} onChange={(event) => setPlatform(event.currentTarget.value as Platform)}>
            {Object.entries(PLATFORM_NAMES).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {field("Package", packageName, "com.example.app", setPackageName)}
        {field("Token", token, "made up when empty", setToken)}
        <div class="actions">
          <button type="submit" class="primary">
            Add
          </button>
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
