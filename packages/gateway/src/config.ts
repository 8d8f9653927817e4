import { chmodSync, chownSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CloudMessagingError, InvalidOptionsError } from "@cloud-messaging/core";
import { describeError, isJsonObject, shownPath } from "@cloud-messaging/core/transport";
import { hashKey } from "./keys.ts";
import type { GatewayOptions } from "./options.ts";

/** Contents of a config file: the options of `createGateway`, with a folder as its outbox. Not checked yet. */
export type GatewayConfig = Omit<GatewayOptions, "outbox"> & { readonly outbox?: { readonly path: string } };

/**
 * Reads a config file: the options of `createGateway` as JSON. `credential`, `cert`, `key` and `outbox.path` name files and folders, from the
 * config's folder.
 *
 * @throws {CloudMessagingError} a file cannot be read, or is no JSON.
 */
export function readConfig(file: string): GatewayConfig {
  const json = readJson(file);
  const folder = dirname(resolve(file));
  const pem = (field: string, path: unknown): unknown =>
    typeof path === "string" ? readText(path, folder, field) : path;
  const tls = (field: string, value: unknown): unknown =>
    isJsonObject(value)
      ? {
          ...value,
          ...("cert" in value ? { cert: pem(`${field}.cert`, value["cert"]) } : {}),
          ...("key" in value ? { key: pem(`${field}.key`, value["key"]) } : {}),
        }
      : value;
  const withTls = (field: string, value: unknown): unknown =>
    isJsonObject(value) && "tls" in value ? { ...value, tls: tls(`${field}.tls`, value["tls"]) } : value;
  // the sender reads it with its first message, which is late to learn that it is not there
  const credential = (field: string, path: string): string => {
    readText(path, folder, field);
    return resolve(folder, path);
  };
  const { projects } = json;
  // the options are checked when the gateway is made
  return {
    ...json,
    ...("http" in json ? { http: withTls("http", json["http"]) } : {}),
    ...("ccs" in json ? { ccs: withTls("ccs", json["ccs"]) } : {}),
    ...(isJsonObject(projects)
      ? {
          projects: Object.fromEntries(
            Object.entries(projects).map(([name, project]) => [
              name,
              isJsonObject(project) &&
              typeof project["credential"] === "string" &&
              project["credential"] !== "application-default"
                ? { ...project, credential: credential(`projects.${name}.credential`, project["credential"]) }
                : project,
            ]),
          ),
        }
      : {}),
    ...(isJsonObject(json["outbox"]) && typeof json["outbox"]["path"] === "string"
      ? { outbox: { ...json["outbox"], path: resolve(folder, json["outbox"]["path"]) } }
      : {}),
  } as unknown as GatewayConfig;
}

/** Names the fields in which two contents differ that a reload does not change: all but clients and certificates. */
export function needingRestart(before: GatewayConfig, after: GatewayConfig): string[] {
  const [old, fresh] = [before, after].map(({ clients: _, ...rest }): Record<string, unknown> => {
    const withoutTls = (value: unknown): unknown => (isJsonObject(value) ? { ...value, tls: "tls" in value } : value);
    return { ...rest, http: withoutTls(rest.http), ccs: withoutTls(rest.ccs) };
  }) as [Record<string, unknown>, Record<string, unknown>];
  const names = new Set([...Object.keys(old), ...Object.keys(fresh)]);
  return [...names].filter((name) => JSON.stringify(old[name]) !== JSON.stringify(fresh[name]));
}

/**
 * Adds the hash of a key to a client of a config file. The file is replaced in one step.
 *
 * @throws {CloudMessagingError} the file cannot be read or written.
 * @throws {InvalidOptionsError} there is no such client, or the key is too short.
 */
export function addKey(file: string, clientName: string, key: string): void {
  const json = readJson(file);
  const clients = Array.isArray(json["clients"]) ? (json["clients"] as unknown[]).filter(isJsonObject) : [];
  const client = clients.find(({ name }) => name === clientName);
  if (client === undefined) {
    const names = clients.map(({ name }) => String(name)).join(", ");
    throw new InvalidOptionsError([
      { path: "--client", problem: `must be a client of the config: ${names || "it has none"}` },
    ]);
  }
  const hash = hashKey(key);
  const keysOf = ({ keys }: Record<string, unknown>): unknown[] => (Array.isArray(keys) ? keys : []);
  const owner = clients.find((other) => other !== client && keysOf(other).includes(hash));
  if (owner !== undefined) {
    throw new InvalidOptionsError([{ path: "key", problem: `is the key of another client: ${String(owner["name"])}` }]);
  }
  const keys = keysOf(client);
  if (!keys.includes(hash)) client["keys"] = [...keys, hash];
  try {
    replaceFile(file, `${JSON.stringify(json, undefined, 2)}\n`);
  } catch (error) {
    throw new ConfigError(`${file} cannot be written: ${describeError(error)}`);
  }
}

/** Replaces a file in one step, behind a link to it too. Owner, group and mode stay: the gateway may read it by one of them alone. */
function replaceFile(link: string, text: string): void {
  const file = realpathSync(link);
  const { mode, uid, gid } = statSync(file);
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
    const made = statSync(temporary);
    if (made.uid !== uid || made.gid !== gid) chownSync(temporary, uid, gid);
    chmodSync(temporary, mode);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A config file cannot be used. */
export class ConfigError extends CloudMessagingError<"ERR_CONFIG"> {
  override readonly name = "ConfigError";

  constructor(message: string) {
    super("ERR_CONFIG", message);
  }
}

function readJson(file: string): Record<string, unknown> {
  const text = readText(file, ".", "config file");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // the error quotes the text, which may be a key
    const position = /at position (\d+)/.exec(describeError(error))?.[1];
    const line = position === undefined ? "" : `: see line ${text.slice(0, Number(position)).split("\n").length}`;
    throw new ConfigError(`${file} is no JSON${line}`);
  }
  if (!isJsonObject(json)) throw new ConfigError(`${file} must hold a JSON object`);
  return json;
}

/** Text of a file, named from a folder. @throws {ConfigError} naming the field, and not what may be a key in the place of its file. */
function readText(path: string, folder: string, field: string): string {
  try {
    return readFileSync(resolve(folder, path), "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const { code = "no reason given" } = error as NodeJS.ErrnoException;
    const file = shownPath(path) === path ? resolve(folder, path) : shownPath(path);
    throw new ConfigError(`${field}: ${file} cannot be read (${code})`);
  }
}
