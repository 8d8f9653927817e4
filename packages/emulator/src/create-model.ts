import { EmulatedService } from "./emulated-service.ts";
import { createEmulatorClock, type EmulatorClock } from "./emulator-clock.ts";
import { createEventHub, type EventHub } from "./events.ts";
import { FaultScript } from "./faults/fault-script.ts";
import { InboxStore } from "./inbox/store.ts";
import { DeviceGroups } from "./model/device-groups.ts";
import { DeviceRegistry } from "./model/devices.ts";
import { createServiceIds } from "./model/ids.ts";
import { PROFILES } from "./model/profile.ts";
import { Quotas } from "./model/quotas.ts";
import { CloudService } from "./model/service.ts";
import { UpstreamQueues } from "./model/upstream.ts";
import type { ResolvedOptions } from "./resolve-options.ts";
import { createCredentials } from "./servers/credentials.ts";
import type { EndpointContext } from "./servers/endpoint.ts";
import { FcmAccounts } from "./servers/fcm-accounts.ts";
import { createCounters } from "./stats.ts";

/** The service model with all its parts, without servers. */
export interface Model extends EndpointContext {
  readonly upstream: UpstreamQueues;
}

/** Creates an empty service model. */
export function createModel(settings: ResolvedOptions): Model {
  const { clock: networkClock, random } = settings;
  const clock: EmulatorClock = createEmulatorClock(networkClock);
  const events: EventHub = createEventHub();
  const counters = createCounters();
  const ids = createServiceIds(clock, random, settings.wideIds);
  const inbox = new InboxStore(events, settings.maxMessages);
  const faults = new FaultScript(events, random, networkClock);
  const { collapsible, nonCollapsible, perDevice } = settings.throttling;
  const registry = new DeviceRegistry({
    clock,
    random,
    eviction: settings.eviction,
    storageLimit: settings.storageLimit,
    collapseKeyLimit: settings.collapseKeyLimit,
    collapsible: collapsible || undefined,
    nonCollapsible: nonCollapsible || undefined,
    deviceRate: perDevice || undefined,
    maxDevices: settings.maxDevices,
  });
  const isKnown = (token: string, senderId: string): boolean => {
    const app = service.apps.appOf(token);
    return app !== undefined && (app.senderIds.size === 0 || app.senderIds.has(senderId));
  };
  const groups = new DeviceGroups(() => ids.notificationKey(), isKnown, settings.maxDevices);
  const quotas = new Quotas(settings.quotas, clock, networkClock);
  const { upstreamWindow: window, upstreamResendMs: resendMs } = settings.ccs;
  const upstream = new UpstreamQueues({ clock, networkClock, window, resendMs, events, counters });
  const service: CloudService = new CloudService({
    clock,
    ids,
    profile: PROFILES[settings.profile],
    autoRegister: settings.autoRegister,
    uninstallDetectionDelayMs: settings.uninstallDetectionDelayMs,
    supersededLifetimeMs: settings.supersededLifetimeMs,
    defaultSenderId: settings.senderId,
    registry,
    groups,
    upstream,
    inbox,
    faults,
    quotas,
    events,
    counters,
  });
  const fcm = new FcmAccounts(clock, ids, quotas);
  const credentials = createCredentials(settings.apiKeys, (token) => fcm.check(token));
  const emulated = new EmulatedService({
    service,
    registry,
    upstream,
    credentials,
    autoRegister: settings.autoRegister,
  });
  return {
    service,
    emulated,
    registry,
    groups,
    inbox,
    faults,
    credentials,
    quotas,
    fcm,
    counters,
    events,
    ids,
    clock,
    settings,
    upstream,
  };
}

/** Removes devices, groups and messages. */
export function clearModel({ registry, groups, service, inbox, upstream }: Model): void {
  upstream.reset();
  for (const app of [...registry.apps()]) {
    for (const { message } of app.storage.take()) message.cancelExpiry?.();
    registry.remove(app);
  }
  for (const group of [...groups.groups()]) {
    groups.remove(group.senderId, group.keys.at(-1) as string, undefined, [...group.members]);
  }
  service.reset();
  inbox.reset();
}
