import { readFileSync } from "node:fs";
import { defined, findEmulator, readEmulatorCa } from "@cloud-messaging/core/transport";
import { findJson } from "../auth/credential-text.ts";
import { projectOfEnvironment } from "../auth/project-id.ts";

interface Reachable {
  readonly endpoint?: unknown;
  readonly apiKey?: unknown;
  readonly credential?: unknown;
  readonly projectId?: unknown;
}

/**
 * Options with the emulator as endpoint, where the environment names one and the options name none; otherwise `undefined`. A placeholder
 * replaces the credentials, which are never used; only the project they name is kept.
 *
 * @param path Path of the endpoint: `/fcm/send`.
 * @throws {InvalidOptionsError} a variable is no `host:port` or names no project, or the CA file cannot be read.
 */
export function atEmulator<T extends Reachable>(options: T, path: string, transport: string): T | undefined {
  if (options.endpoint !== undefined) return undefined;
  const emulator = findEmulator(process, "http", transport);
  if (emulator === undefined) return undefined;
  const { authority, secure, key } = emulator;
  return {
    ...options,
    endpoint: `${secure ? "https" : "http"}://${authority}${path}`,
    // naming the emulator by the variable asks for it; no real key is sent there
    allowInsecure: true,
    tls: secure ? { ca: readEmulatorCa(process, (file) => readFileSync(file, "utf8")) } : undefined,
    ...defined({
      apiKey: options.apiKey === undefined ? undefined : key,
      credential: options.credential === undefined ? undefined : placeholderFor(options, key),
    }),
  };
}

/** A credential in the form of firebase-admin's, whose token the emulator takes. */
function placeholderFor({ credential, projectId }: Reachable, key: string): object {
  return {
    getAccessToken: async () => ({ access_token: key, expires_in: 3600 }),
    ...(projectId === undefined ? { projectId: projectOf(credential) ?? projectOfEnvironment() ?? "emulator" } : {}),
  };
}

function projectOf(credential: unknown): string | undefined {
  // a file's path: it is not opened
  if (typeof credential === "string") return projectOf(findJson(credential));
  if (typeof credential !== "object" || credential === null) return undefined;
  const { project_id, projectId } = credential as Partial<Record<string, unknown>>;
  const project = project_id ?? projectId;
  return typeof project === "string" && project !== "" ? project : undefined;
}
