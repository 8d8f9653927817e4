import type { Platform } from "@cloud-messaging/connection-server";
import type { FaultView } from "../../faults/faults.ts";
import type { DeviceMessage } from "../../model/app-instance.ts";
import type { DeviceView } from "../../model/devices.ts";
import type { CapturedMessage } from "../../model/message.ts";
import type { EmulatorStats } from "../../stats.ts";
import type { MessageSummary } from "../live.ts";

/** Maximum number of messages listed per call. */
export const PAGE = 1000;

/** CCS connection. */
export interface ConnectionView {
  readonly id: number;
  readonly phase: string;
  readonly senderId: string;
  readonly jid: string;
  readonly pending: number;
  readonly unackedUpstream: number;
}

/** Page of messages, newest first. */
export interface MessagePage {
  readonly messages: readonly MessageSummary[];
  readonly total: number;
  readonly pruned: number;
}

/** Addresses of the emulator. */
export interface About {
  readonly http: string;
  readonly https: string | null;
  readonly ccs: { readonly host: string; readonly port: number };
  readonly now: number;
  readonly full: string | null;
}

/** Client of the control API. A failed call reports the reason through `onProblem` and returns `undefined`. */
export type Api = ReturnType<typeof createApi>;

/** Creates a client with paths relative to the page, so that it works behind a proxy path. */
export function createApi(onProblem: (problem: string) => void) {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
    try {
      const response = await fetch(`emulator/v1${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      });
      const text = await response.text();
      const value = text === "" ? undefined : (JSON.parse(text) as T);
      if (response.ok) return value;
      onProblem(problemIn(value) ?? `${method} ${path} was answered ${response.status}`);
    } catch {
      onProblem("The emulator does not answer");
    }
    return undefined;
  }
  const get = <T>(path: string) => call<T>("GET", path);
  const device = (id: string): string => `/devices/${encodeURIComponent(id)}`;
  return {
    about: () => get<About>("/"),
    devices: () => get<{ devices: DeviceView[] }>("/devices"),
    messages: (before?: number) =>
      get<MessagePage>(`/messages?limit=${PAGE}${before === undefined ? "" : `&before=${before}`}`),
    search: (word: string) => get<MessagePage>(`/messages?limit=${PAGE}&search=${encodeURIComponent(word)}`),
    message: (id: number) => get<CapturedMessage>(`/messages/${id}`),
    clearMessages: (before: number) => call<{ deleted: number }>("DELETE", `/messages?before=${before}`),
    received: (id: string) => get<{ received: DeviceMessage[] }>(`${device(id)}/received`),
    createDevice: (options: { name?: string; packageName?: string; token?: string; platform?: Platform }) =>
      call<DeviceView>("POST", "/devices", options),
    setDevice: (id: string, change: { connected?: boolean; idle?: boolean; confirmReceipts?: "auto" | "manual" }) =>
      call<DeviceView>("PATCH", device(id), change),
    reregister: (id: string) => call<DeviceView>("POST", `${device(id)}/reregister`, {}),
    uninstall: (id: string) => call<DeviceView>("POST", `${device(id)}/uninstall`),
    removeDevice: (id: string) => call("DELETE", device(id)),
    confirmReceipt: (id: string, messageId: string) => call("POST", `${device(id)}/confirm`, { messageId }),
    sendUpstream: (id: string, data: Record<string, string>) =>
      call<{ messageId: string }>("POST", `${device(id)}/upstream`, { data }),
    stats: () => get<EmulatorStats>("/stats"),
    connections: () => get<{ connections: ConnectionView[] }>("/connections"),
    drain: (connectionId?: number) => call("POST", "/connections/drain", { connectionId }),
    cut: (connectionId?: number) => call("POST", "/connections/cut", { connectionId }),
    faults: () => get<{ faults: FaultView[] }>("/faults"),
    addFault: (fault: Readonly<Record<string, unknown>>) => call<{ faults: FaultView[] }>("POST", "/faults", fault),
    removeFault: (id: number) => call("DELETE", `/faults/${id}`),
    clearFaults: () => call("DELETE", "/faults"),
    advance: (advanceMs: number) => call<{ now: number }>("POST", "/clock", { advanceMs }),
    reset: () => call("POST", "/reset"),
  };
}

/** Problem described by an answer. */
function problemIn(value: unknown): string | undefined {
  const { error, problems } = (value ?? {}) as { error?: string; problems?: { path: string; problem: string }[] };
  if (problems !== undefined && problems.length > 0) {
    return problems.map(({ path, problem }) => (path === "" ? problem : `${path} ${problem}`)).join("; ");
  }
  return error;
}
