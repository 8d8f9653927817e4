import type { RegistrationStore } from "@cloud-messaging/core";

/** Opens a store by its name, at a folder or the address of a server. */
export function openStore(name: string, location: string): Promise<RegistrationStore & { close(): Promise<void> }>;
