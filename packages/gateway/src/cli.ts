#!/usr/bin/env node
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CloudMessagingError, ConnectionError } from "@cloud-messaging/core";
import { describeError } from "@cloud-messaging/core/transport";
import pino from "pino";
import { addKey, needingRestart, readConfig } from "./config.ts";
import type { GatewayEvent } from "./event.ts";
import { createGateway } from "./gateway.ts";
import { createKey } from "./keys.ts";
import { embeddedOutbox } from "./outbox/embedded.ts";
import { logResults } from "./outbox/log-results.ts";
import { resolveGatewayOptions } from "./resolve-options.ts";

/** Exit status for invalid command-line options. */
const USAGE = 2;

const HELP = `Usage: cloud-messaging-gateway --config FILE
       cloud-messaging-gateway key add --config FILE --client NAME      prints a new key once
       cloud-messaging-gateway key import --config FILE --client NAME   reads a key from standard input

Endpoint for app servers that cannot be changed: GCM HTTP and CCS in front, FCM HTTP v1 behind.
SIGHUP reads the config again: clients and certificates. SIGTERM and SIGINT end in good order.
`;

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CloudMessagingError || isUsage(error) || isListening(error))) throw error;
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = isListening(error) ? 1 : USAGE;
}

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { config: { type: "string" }, client: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  const command = positionals.join(" ");
  const { config, client } = values;
  if (values.help === true || config === undefined) {
    (values.help === true ? process.stdout : process.stderr).write(HELP);
    if (values.help !== true) process.exitCode = USAGE;
    return;
  }
  if (command === "") return serve(config);
  if ((command !== "key add" && command !== "key import") || client === undefined) {
    process.stderr.write(HELP);
    process.exitCode = USAGE;
    return;
  }
  const key = command === "key add" ? createKey() : await readStandardInput();
  addKey(config, client, key);
  process.stdout.write(command === "key add" ? `${key}\n` : `The key of ${client} has been added\n`);
}

async function readStandardInput(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin) text += String(chunk);
  return text.trim();
}

async function serve(file: string): Promise<void> {
  const log = pino();
  const started = readConfig(file);
  const { outbox, ...options } = started;
  const durable = outbox === undefined ? {} : { outbox: await embeddedOutbox(outbox) };
  const gateway = await createGateway({ ...options, ...durable, onEvent: (event) => write(log, event) });
  const ending = new AbortController();
  const resultLogs = [...gateway.outboxes].map(([project, results]) =>
    logResults(results, {
      project,
      cursorFile: join(outbox?.path ?? "", `${project}.cursor`),
      log: (fields, isAccepted) => log[isAccepted ? "info" : "warn"](fields, "result"),
      signal: ending.signal,
    }).catch((error: unknown) => log.error({ project, reason: describeError(error) }, "results are not logged")),
  );
  for (const [project, sender] of gateway.projects) {
    void sender.verifyCredentials().then((check) => {
      if (check.kind === "invalid")
        log.error({ project, code: check.code, reason: check.detail }, "credential refused: nothing can be sent");
    });
  }
  process.on("SIGHUP", () => {
    reload().catch((error: unknown) =>
      log.error({ reason: describeError(error) }, "reload failed: nothing has changed"),
    );
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      log.info({ signal }, "closing");
      end().then(
        () => log.info("closed"),
        (error: unknown) => log.error({ reason: describeError(error) }, "close failed"),
      );
    });
  }
  // from here on signals are heard
  log.info({ http: gateway.httpPort, ccs: gateway.ccsPort, operations: gateway.operationsPort }, "listening");

  async function end(): Promise<void> {
    // results that come until the end are logged with the next start
    ending.abort();
    await Promise.all(resultLogs);
    await gateway.close();
  }

  async function reload(): Promise<void> {
    const config = readConfig(file);
    const { outbox: _, ...fresh } = config;
    // the whole file, so that the next start does not find what this has left out
    resolveGatewayOptions(fresh);
    const { clients, http, ccs } = fresh;
    const httpTls = http === false ? undefined : http?.tls;
    await gateway.reload({
      clients,
      ...(httpTls === undefined ? {} : { httpTls }),
      ...(ccs?.tls === undefined ? {} : { ccsTls: ccs.tls }),
    });
    log.info("reloaded");
    const fields = needingRestart(started, config);
    if (fields.length > 0) log.warn({ fields }, "these have changed too, and need a restart");
  }
}

function write(log: pino.Logger, event: GatewayEvent): void {
  const { type, ...fields } = event;
  if (event.type === "failure") log.error({ reason: describeError(event.error) }, "failure");
  else if (["login-refused", "connection-refused", "notice"].includes(event.type)) log.warn(fields, type);
  else log.info(fields, type);
}

/** True if a port cannot be had. */
function isListening(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  return ["listen", "getaddrinfo"].includes(String((error as { syscall?: unknown }).syscall));
}

function isUsage(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
}
