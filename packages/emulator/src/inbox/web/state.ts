import type { EmulatorEvent } from "../../events.ts";
import type { FaultView } from "../../faults/faults.ts";
import type { DeviceView } from "../../model/devices.ts";
import type { MessageSummary } from "../live.ts";
import type { ConnectionView } from "./api.ts";

/** Maximum number of messages held by the page; older ones remain on the server. */
export const MAX_LISTED = 10_000;
/** Maximum number of protocol violations held. */
const MAX_VIOLATIONS = 100;

/** Protocol violation by a client. */
export interface Violation {
  readonly at: number;
  readonly connectionId: number | undefined;
  readonly detail: string;
}

/** Event as sent by the server; messages are summaries. */
export type LiveEvent =
  | Exclude<EmulatorEvent, { readonly type: "message" }>
  | { readonly type: "message"; readonly message: MessageSummary };

/** Complete state as loaded from the server. */
export interface Snapshot {
  readonly messages: readonly MessageSummary[];
  readonly total: number;
  readonly pruned: number;
  readonly devices: readonly DeviceView[];
  readonly connections: readonly ConnectionView[];
  readonly faults: readonly FaultView[];
  readonly now: number;
  readonly full: string | null;
}

/** Bounded state of the page, independent of the DOM. */
export class InboxState {
  /** Messages in order of arrival. Modified in place. */
  messages: MessageSummary[] = [];
  total = 0;
  pruned = 0;
  /** True once the first load is complete; an empty list means nothing before. */
  loaded = false;
  readonly devices = new Map<string, DeviceView>();
  connections: readonly ConnectionView[] = [];
  faults: readonly FaultView[] = [];
  readonly violations: Violation[] = [];
  /** Reason why unknown tokens are refused, while `maxDevices` is reached. */
  full: string | undefined;
  /** Offset of the service's clock to the system clock. Unit: milliseconds. */
  clockAheadMs = 0;
  /** Changes on the server that are not part of an event, to be requested. */
  readonly stale = { connections: false, faults: false, all: false };
  /** ID up to which messages are not new: present when the page was opened, or marked as seen. */
  #seenUpTo: number | undefined;
  /** IDs of later messages that were viewed. */
  readonly #seen = new Set<number>();
  /** ID up to which messages were deleted; events about them are ignored. */
  #clearedUpTo = 0;
  readonly #names = new Map<string, string>();
  readonly #maxListed: number;

  constructor(maxListed = MAX_LISTED) {
    this.#maxListed = maxListed;
  }

  /** Replaces the state by a complete load. */
  load(snapshot: Snapshot): void {
    this.messages = [...snapshot.messages].sort((a, b) => a.id - b.id);
    this.total = snapshot.total;
    this.loaded = true;
    this.#clearedUpTo = Math.min(this.#clearedUpTo, snapshot.total);
    // a restarted emulator counts from 1
    if (this.#seenUpTo === undefined || this.#seenUpTo > snapshot.total) this.#seeAllUpTo(snapshot.total);
    this.pruned = snapshot.pruned;
    this.devices.clear();
    this.#names.clear();
    for (const device of snapshot.devices) this.#putDevice(device);
    this.connections = snapshot.connections;
    this.faults = snapshot.faults;
    this.clockAheadMs = snapshot.now - Date.now();
    this.full = snapshot.full ?? undefined;
  }

  /** Adds older messages in front. */
  loadOlder(messages: readonly MessageSummary[]): void {
    const first = this.messages[0]?.id ?? Number.POSITIVE_INFINITY;
    const older = messages.filter(({ id }) => id < first && id > this.#clearedUpTo).sort((a, b) => a.id - b.id);
    this.messages = [...older, ...this.messages].slice(-this.#maxListed);
  }

  /** Applies one event. */
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

  /** Returns the message with this ID, if held. */
  message(id: number): MessageSummary | undefined {
    return this.messages[this.#indexOf(id)];
  }

  forgetMessages(): void {
    this.messages = [];
    this.#seeAllUpTo(this.total);
  }

  /** True if a message arrived while the page was open and was not viewed. */
  isNew(id: number): boolean {
    return id > (this.#seenUpTo ?? 0) && !this.#seen.has(id);
  }

  /** Number of listed messages that are new. */
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

  /** Marks a message as viewed. */
  see(id: number): void {
    if (this.isNew(id)) this.#seen.add(id);
  }

  /** Marks every message as seen. */
  seeAll(): void {
    this.#seeAllUpTo(this.total);
  }

  #seeAllUpTo(id: number): void {
    this.#seenUpTo = id;
    this.#seen.clear();
  }

  /** Name of the device of a token. */
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
    // a message that is not listed is older than the list
    if (index !== -1) this.messages[index] = message;
  }

  #trim(): void {
    // removed in chunks: removing the head of an array takes time proportional to its length
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
