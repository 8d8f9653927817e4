import { networkInterfaces } from "node:os";
import type { HttpServer } from "@cloud-messaging/connection-server";
import { ConnectionError } from "@cloud-messaging/core";
import { hostInUrl, isLoopback, portError } from "@cloud-messaging/core/transport";
import { createCertificates } from "./certificates.ts";
import { controlRoutes } from "./control/control-api.ts";
import { createDevice, type DeviceWorld, handleOf } from "./create-device.ts";
import { clearModel, createModel, type Model } from "./create-model.ts";
import { type Emulator, ProtocolViolationError } from "./emulator.ts";
import { createEmulatorHttp, type EmulatorRoute } from "./emulator-http.ts";
import type { EmulatorOptions } from "./options.ts";
import { type ResolvedOptions, resolveOptions } from "./resolve-options.ts";
import { type CcsSide, type EmulatedCcs, startCcs } from "./servers/ccs.ts";
import { serviceRoutes } from "./servers/endpoints.ts";
import { inboxPageRoutes } from "./servers/inbox-page.ts";
import { readState } from "./state/read-state.ts";
import { restoreState, type StateParts, takeState } from "./state/state.ts";
import { openStateFile, type StateFile } from "./state/state-file.ts";
import { keepState, type StateKeeper } from "./state/state-keeper.ts";
import { createCounters } from "./stats.ts";

/** API key of the ready-made options if any key is valid. */
const DEFAULT_KEY = "AIza-EMULATOR";

/**
 * Starts an emulator: HTTP, HTTPS and CCS over one device model, by default on free loopback ports.
 *
 * @example
 * ```ts
 * import { createGcmSender } from "@cloud-messaging/http-sender";
 * import { startEmulator } from "@cloud-messaging/emulator";
 *
 * await using emulator = await startEmulator();
 * const device = emulator.createDevice();
 * await using sender = createGcmSender(emulator.httpOptions());
 * await sender.send({ target: { token: device.token }, data: { n: "3" } });
 * const message = await device.waitFor(({ data }) => data["n"] === "3");
 * ```
 *
 * @throws {InvalidOptionsError} One problem per invalid option.
 * @throws {ConnectionError} A port is not available; the message names it.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const settings = resolveOptions(options);
  const stateFile = settings.stateFile === undefined ? undefined : await openStateFile(settings.stateFile);
  try {
    return await start(settings, stateFile);
  } catch (error) {
    await stateFile?.release();
    throw error;
  }
}

async function start(settings: ResolvedOptions, stateFile: StateFile | undefined): Promise<Emulator> {
  const { host, clock: networkClock } = settings;
  const { saved } = stateFile ?? {};
  const model = createModel(settings);
  const { clock, events, counters, inbox, faults, registry, service, upstream, ids, fcm } = model;
  const stateParts: StateParts = { ...model, networkClock };
  if (saved !== undefined) restoreState(saved, stateParts);

  const certificates = settings.tls ?? (await createCertificates(...namesOf(settings), saved?.certificates));
  const routes: EmulatorRoute[] = [
    ...serviceRoutes(model),
    ...inboxPageRoutes(),
    ...controlRoutes({ emulator: () => emulator }),
  ];
  const servers = await listen(settings, model, routes, certificates);
  const { app, http, https, ccs } = servers;

  fcm.tokenUri = `${https === undefined ? `http://${urlHost(host)}:${http.port}` : `https://${urlHost(host)}:${https.port}`}/token`;

  const closers = new Set<() => void>();
  const world: DeviceWorld = {
    service,
    registry,
    ids,
    events,
    now: () => clock.now(),
    defaultSenderId: settings.senderId,
    onClose(run) {
      closers.add(run);
      return () => closers.delete(run);
    },
  };
  let deviceCount = 0;
  let closing: Promise<void> | undefined;
  const authority = urlHost(host);
  // senders refuse to send their key over plain HTTP to another machine unless allowed
  const plain = isLoopback(connectHost(host)) ? {} : { allowInsecure: true };
  const firstKey = settings.apiKeys[0]?.key ?? DEFAULT_KEY;
  const keyFor = (senderId: string): string =>
    settings.apiKeys.find((entry) => entry.senderId === undefined || entry.senderId === senderId)?.key ?? firstKey;

  const emulator: Emulator = {
    httpUrl: `http://${authority}:${http.port}`,
    httpsUrl: https === undefined ? undefined : `https://${authority}:${https.port}`,
    caCertificate: certificates.ca,
    ccs: ccs ?? noCcs(host),
    inbox,
    faults,
    quotas: model.quotas.limits,
    fcm,
    events,
    stats: counters,
    violations: events.violations,
    get full() {
      return model.service.apps.full;
    },
    get devices() {
      return [...registry.apps()].map((app) => handleOf(world, app));
    },
    httpOptions: () => ({ endpoint: `http://${authority}:${http.port}/fcm/send`, apiKey: firstKey, ...plain }),
    fcmOptions: () => ({
      ...(https === undefined
        ? { endpoint: `http://${authority}:${http.port}`, ...plain }
        : { endpoint: `https://${authority}:${https.port}`, tls: { ca: certificates.ca } }),
      credential: fcm.serviceAccount(),
      projectId: fcm.projectId,
    }),
    ccsOptions: () => ({
      host: connectHost(host),
      port: ccs?.port ?? 0,
      tls: { ca: certificates.ca },
      senderId: settings.senderId,
      apiKey: keyFor(settings.senderId),
    }),
    createDevice: (deviceOptions) => createDevice(world, ++deviceCount, deviceOptions),
    device(id) {
      const app = registry.app(id);
      return app === undefined ? undefined : handleOf(world, app);
    },
    deviceOf(token) {
      const app = registry.byToken(token);
      return app === undefined ? undefined : handleOf(world, app);
    },
    now: () => clock.now(),
    advance(byMs) {
      clock.advance(byMs);
      events.emit({ type: "clock", now: clock.now() });
    },
    saveState: () => takeState(stateParts),
    loadState(state) {
      const read = readState(state);
      clock.setOffset(read.clockOffsetMs); // refuses what cannot be, before anything is forgotten
      clearModel(model);
      restoreState(read, stateParts);
      events.emit({ type: "reset" });
    },
    reset() {
      clearModel(model);
      faults.clear();
      model.quotas.reset();
      emulator.ccs.autoAck = settings.ccs.autoAck;
      Object.assign(counters, createCounters());
      events.violations.length = 0;
      events.emit({ type: "reset" });
    },
    close() {
      closing ??= (async () => {
        inbox.close();
        faults.close();
        for (const run of [...closers]) run();
        await Promise.all([app.close(), http.close(), https?.close(), ccs?.close()]);
        try {
          await keeper?.close();
        } finally {
          service.reset();
          upstream.reset();
          clock.close();
          events.close();
        }
        if (settings.strict && events.violations.length > 0) throw new ProtocolViolationError(events.violations);
      })();
      return closing;
    },
    [Symbol.asyncDispose]: () => emulator.close(),
  };
  // with the certificates, unless the caller provides them: clients that trust them keep working after a restart
  const kept = settings.tls === undefined ? { certificates } : {};
  const keeper: StateKeeper | undefined =
    stateFile && keepState(stateFile, events, networkClock, () => ({ ...takeState(stateParts), ...kept }));
  return emulator;
}

interface Servers {
  readonly app: ReturnType<typeof createEmulatorHttp>;
  readonly http: HttpServer;
  readonly https: HttpServer | undefined;
  readonly ccs: CcsSide | undefined;
}

/** Starts the servers; if one fails, those started before are closed. */
async function listen(
  settings: ResolvedOptions,
  model: Model,
  routes: readonly EmulatorRoute[],
  tls: { readonly cert: string; readonly key: string },
): Promise<Servers> {
  const { host, patienceMs, httpPort, httpsPort, ccsPort } = settings;
  const { counters, events } = model;
  const onAnswer = (method: string, path: string, status: number): void => {
    counters.statuses[status] = (counters.statuses[status] ?? 0) + 1;
    events.emit({ type: "request", method, path, status });
  };
  const started: { close(): Promise<void> | void }[] = [];
  const start = async <T extends { close(): Promise<void> }>(
    what: string,
    option: string,
    port: number,
    run: () => Promise<T>,
  ): Promise<T> => {
    try {
      const server = await run();
      started.push(server);
      return server;
    } catch (error) {
      await Promise.all(started.map((server) => server.close()));
      model.clock.close();
      throw portError(error, { who: "The emulator", what, host, port, option });
    }
  };
  const app = createEmulatorHttp(routes, {
    patienceMs,
    onAnswer,
    names: { hosts: [...settings.certificateNames, host], origins: settings.allowedOrigins },
  });
  started.push(app);
  const http = await start("HTTP", "httpPort", httpPort, () => app.listen({ host, port: httpPort }));
  const https =
    httpsPort === false
      ? undefined
      : await start("HTTPS", "httpsPort", httpsPort, () => app.listen({ host, port: httpsPort, tls }));
  const ccs =
    ccsPort === false
      ? undefined
      : await start("CCS", "ccsPort", ccsPort, () =>
          startCcs({ host, port: ccsPort, tls, handshakeTimeoutMs: patienceMs }, model),
        );
  return { app, http, https, ccs };
}

/** Returns the address to connect to for a listening address. */
function connectHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

function urlHost(host: string): string {
  return hostInUrl(connectHost(host));
}

/** Names of the server certificate: those required to verify the listening address, and additional ones. */
function namesOf({ host, certificateNames }: ResolvedOptions): [needed: string[], besides: string[]] {
  if (host !== "0.0.0.0" && host !== "::") return [[...certificateNames, host], []];
  const addresses = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));
  return [[...certificateNames], addresses.filter((address) => !address.startsWith("fe80:"))];
}

/** Value of `emulator.ccs` without a CCS port. */
function noCcs(host: string): EmulatedCcs {
  return {
    host,
    port: 0,
    connections: [],
    autoAck: true,
    drainAll() {},
    cutAll() {},
    ack: () => false,
    ackAll: () => 0,
    nack: () => false,
    waitForConnections: () =>
      Promise.reject(
        new ConnectionError("The emulator was started without CCS: leave ccsPort unset or give it a port"),
      ),
  };
}
