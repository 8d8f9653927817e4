import type { RegistrationStore } from "@cloud-messaging/core";

/** A registration store, and what is needed to compare it after one of its processes was killed. */
export interface OpenedStore extends RegistrationStore {
  close(): Promise<void>;
  /** Resolves once the store's server has ended everything that a killed process asked of it. */
  untilGone(client: string): Promise<void>;
}

/** Opens a store by its name, at a folder or the address of a server; `client` names its connections. */
export function openStore(name: string, location: string, client?: string): Promise<OpenedStore>;
