import { existsSync } from "node:fs";
import { join } from "node:path";
import { shownPath } from "@cloud-messaging/core/transport";
import type { AccessTokenProvider } from "./access-token.ts";
import { createLibraryProvider } from "./auth-library.ts";
import { findJson } from "./credential-text.ts";
import { projectOfEnvironment } from "./project-id.ts";
import { type FoundFile, ProviderFile, readCredentialFile } from "./provider-file.ts";
import { createProviderOfText } from "./provider-of-text.ts";
import type { ServiceAccountOptions } from "./service-account.ts";

/**
 * Application default credentials: the file that GOOGLE_APPLICATION_CREDENTIALS names, gcloud's own, or what Google Cloud offers by
 * itself. The environment's project goes before the one of the credentials.
 */
export function createApplicationDefaultProvider(options: ServiceAccountOptions): AccessTokenProvider {
  const file = new ProviderFile(
    findFile,
    ({ text, what }) =>
      text === undefined
        ? createLibraryProvider(undefined, "the default credentials", options)
        : createProviderOfText(text, what, options),
    options.clock,
  );
  return {
    refusalLifeMs: file.refusalLifeMs,
    fetchAccessToken: (fetchOptions) => file.fetchAccessToken(fetchOptions),
    findProjectId: async () => projectOfEnvironment() ?? (await file.findProjectId()),
    close: () => file.close(),
  };
}

async function findFile(): Promise<FoundFile> {
  const named = process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (named) {
    // the content itself, as some platforms set it
    if (typeof findJson(named) === "object")
      return { what: "the value of GOOGLE_APPLICATION_CREDENTIALS", text: named };
    return readCredentialFile(named, `the file ${shownPath(named)} that GOOGLE_APPLICATION_CREDENTIALS names`);
  }
  const folder = gcloudFolder();
  const path = folder === undefined ? undefined : join(folder, "application_default_credentials.json");
  if (path === undefined || !existsSync(path)) return { what: "", text: undefined };
  return readCredentialFile(path, `gcloud's file ${path}`);
}

/** Folder in which gcloud keeps its own. Source: docs/protocol/fcm-v1.md#authentication */
function gcloudFolder(): string | undefined {
  const { env, platform } = process;
  if (env["CLOUDSDK_CONFIG"]) return env["CLOUDSDK_CONFIG"];
  if (platform === "win32") return env["APPDATA"] ? join(env["APPDATA"], "gcloud") : undefined;
  return env["HOME"] ? join(env["HOME"], ".config", "gcloud") : undefined;
}
