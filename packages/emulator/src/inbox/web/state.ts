import type { EmulatorEvent } from "../../events.ts";
import type { FaultView } from "../../faults/faults.ts";
import type { DeviceView } from "../../model/devices.ts";
import type { MessageSummary } from "../live.ts";
import type { ConnectionView } from "./api.ts";

/** Messages held by the page; older ones stay on the server, as far as it keeps them. */
export const MAX_LISTED = 10_000;
/** Remarks about clients that broke a rule of the protocol. */
const MAX_VIOLATIONS = 100;

/** A client broke a rule of the protocol. */
export interface Violation {
  readonly at: number;
  readonly connectionId: number | undefined;
  readonly detail: string;
}

/** An event as the server sends it: of a message its summary. */
export type LiveEvent =
  | Exclude<EmulatorEvent, { readonly type: "message" }>
  | { readonly type: "message"; readonly message: MessageSummary };

/** What the server says when asked for everything. */
export interface Snapshot {
  readonly messages: readonly MessageSummary[];
  readonly total: number;
  readonly pruned: number;
  readonly devices: readonly DeviceView[];
  readonly connections: readonly ConnectionView[];
  readonly faults: readonly FaultView[];
  readonly now: number;
}

/** Everything the page knows, bounded. No document is needed for it. */
export class InboxState {
  /** In the order of arrival. Replaced or added to in place. */
  messages: MessageSummary[] = [];
  total = 0;
  pruned = 0;
  /** Whether the server was heard once: before that nothing is known, and an empty list means nothing. */
  loaded = false;
  readonly devices = new Map<string, DeviceView>();
  connections: readonly ConnectionView[] = [];
  faults: readonly FaultView[] = [];
  readonly violations: Violation[] = [];
  /** Why unknown tokens are refused, while the emulator has as many devices as it may have. */
  full: string | undefined;
  /** How far the service's clock is ahead of this machine's. Unit: milliseconds. */
  clockAheadMs = 0;
  /** What has changed on the server and is not in an event: to be asked for. */
  readonly stale = { connections: false, faults: false, all: false };
  /** Messages up to this one are not new: they were there when the page was opened, or were marked as seen. */
  #seenUpTo: number | undefined;
  /** Later ones that were looked at. */
  readonly #seen = new Set<number>();
  /** Messages up to this one were forgotten: what is still said of them is of no interest. */
  #clearedUpTo = 0;
  readonly #names = new Map<string, string>();
  readonly #maxListed: number;

  constructor(maxListed = MAX_LISTED) {
    this.#maxListed = maxListed;
  }

  /** Takes the server's word for everything. */
  load(snapshot: Snapshot): void {
    this.messages = [...snapshot.messages].sort((a, b) => a.id - b.id);
    this.total = snapshot.total;
    this.loaded = true;
    this.#clearedUpTo = Math.min(this.#clearedUpTo, snapshot.total);
    // an emulator that was started again counts from 1
    if (this.#seenUpTo === undefined || this.#seenUpTo > snapshot.total) this.#seeAllUpTo(snapshot.total);
    this.pruned = snapshot.pruned;
    this.devices.clear();
    this.#names.clear();
    for (const device of snapshot.devices) this.#putDevice(device);
    this.connections = snapshot.connections;
    this.faults = snapshot.faults;
    this.clockAheadMs = snapshot.now - Date.now();
  }

  /** Puts older messages in front. */
  loadOlder(messages: readonly MessageSummary[]): void {
    const first = this.messages[0]?.id ?? Number.POSITIVE_INFINITY;
    const older = messages.filter(({ id }) => id < first && id > this.#clearedUpTo).sort((a, b) => a.id - b.id);
    this.messages = [...older, ...this.messages].slice(-this.#maxListed);
  }

  /** Follows one event. */
  apply(event: LiveEvent): void {
    switch (event.type) {
      case "message":
        if (event.message.id > this.#clearedUpTo) this.#put(event.message);
        this.total = Math.max(this.total, event.message.id);
        this.#trim();
        break;
      case "pruned":
        this.pruned = event.messages;
        break;
      case "cleared":
        this.#clearedUpTo = event.upTo;
        this.messages = this.messages.filter(({ id }) => id > event.upTo);
        if (event.upTo > (this.#seenUpTo ?? 0)) this.#seeAllUpTo(event.upTo);
        break;
      case "removed": {
        const gone = new Set(event.messages);
        this.messages = this.messages.filter(({ id }) => !gone.has(id));
        for (const id of gone) this.#seen.delete(id);
        break;
      }
      case "device":
        if (event.change === "removed") this.full = undefined;
        if (event.change === "removed") this.#forgetDevice(event.device);
        else this.#putDevice(event.device);
        break;
      case "connection":
        this.stale.connections = true;
        break;
      case "fault":
        this.stale.faults = true;
        break;
      case "violation":
        this.violations.unshift({ at: Date.now(), connectionId: event.connectionId, detail: event.detail });
        this.violations.length = Math.min(this.violations.length, MAX_VIOLATIONS);
        break;
      case "full":
        this.full = event.detail;
        break;
      case "clock":
        this.clockAheadMs = event.now - Date.now();
        break;
      case "reset":
        this.forgetMessages();
        this.devices.clear();
        this.#names.clear();
        this.violations.length = 0;
        this.full = undefined;
        this.total = 0;
        this.#seeAllUpTo(0);
        this.pruned = 0;
        this.#clearedUpTo = 0;
        this.stale.all = true;
        break;
    }
  }

  /** The message with this number, if the page has it. */
  message(id: number): MessageSummary | undefined {
    return this.messages[this.#indexOf(id)];
  }

  forgetMessages(): void {
    this.messages = [];
    this.#seeAllUpTo(this.total);
  }

  /** Whether a message came while the page was open and was not looked at. */
  isNew(id: number): boolean {
    return id > (this.#seenUpTo ?? 0) && !this.#seen.has(id);
  }

  /** How many listed messages are new. */
  get newCount(): number {
    const { messages } = this;
    let low = 0;
    let high = messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((messages[middle] as MessageSummary).id > (this.#seenUpTo ?? 0)) high = middle;
      else low = middle + 1;
    }
    return Math.max(0, messages.length - low - this.#seen.size);
  }

  /** A message is looked at. */
  see(id: number): void {
    if (this.isNew(id)) this.#seen.add(id);
  }

  /** All that came so far is not new any more. */
  seeAll(): void {
    this.#seeAllUpTo(this.total);
  }

  #seeAllUpTo(id: number): void {
    this.#seenUpTo = id;
    this.#seen.clear();
  }

  /** What the device behind a token is called. */
  nameOf(token: string): string | undefined {
    return this.#names.get(token);
  }

  #putDevice(device: DeviceView): void {
    this.devices.set(device.id, device);
    this.#names.set(device.token, device.name);
    for (const token of device.supersededTokens) this.#names.set(token, device.name);
  }

  #forgetDevice({ id }: DeviceView): void {
    const known = this.devices.get(id);
    this.devices.delete(id);
    if (known !== undefined) for (const token of [known.token, ...known.supersededTokens]) this.#names.delete(token);
  }

  #put(message: MessageSummary): void {
    const last = this.messages.at(-1);
    if (last === undefined || message.id > last.id) {
      this.messages.push(message);
      return;
    }
    const index = this.#indexOf(message.id);
    // what is not listed is older than the list
    if (index !== -1) this.messages[index] = message;
  }

  #trim(): void {
    // in chunks: cutting an array's head costs as much as the array is long
    if (this.messages.length <= this.#maxListed * 1.1) return;
    this.messages = this.messages.slice(-this.#maxListed);
    const first = this.messages[0]?.id ?? 0;
    for (const id of this.#seen) if (id < first) this.#seen.delete(id);
  }

  #indexOf(id: number): number {
    let low = 0;
    let high = this.messages.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = (this.messages[middle] as MessageSummary).id;
      if (found === id) return middle;
      if (found < id) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
