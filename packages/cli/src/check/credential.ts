import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describeError, isJsonObject, shownPath } from "@cloud-messaging/core/transport";
import { type Finding, failed, good } from "./problems.ts";

/** Google's token endpoint, where a key names none. Source: docs/protocol/fcm-v1.md#authentication */
const GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token";

/** A credential that was looked at. */
export interface ReadCredential {
  readonly finding: Finding;
  readonly project?: string;
  /** Token endpoint; absent where the credential is of another kind. */
  readonly tokenUri?: string;
}

/** Reads the file of a credential and checks its form. No part of it is shown but the account's name. */
export async function readCredential(path: string | undefined): Promise<ReadCredential> {
  const file = path ?? process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (file === undefined || file === "") {
    return { finding: good("credential", "application default credentials, of gcloud or of Google Cloud") };
  }
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code = "no reason given" } = error as NodeJS.ErrnoException;
    return { finding: failed("credential", "credential-missing", `${shownPath(file)} cannot be read (${code})`) };
  }
  const malformed = (problem: string): ReadCredential => ({
    finding: failed("credential", "credential-malformed", `${file} ${problem}`),
  });
  const key = objectOf(text);
  if (key === undefined) return malformed("is no JSON object");
  if (key["type"] !== "service_account") {
    if (typeof key["type"] === "string") return { finding: good("credential", `${file}: ${key["type"]}`) };
    return malformed("has no type: it is no credential");
  }
  const missing = ["client_email", "private_key", "project_id"].filter((name) => typeof key[name] !== "string");
  if (missing.length > 0) return malformed(`lacks ${missing.join(" and ")}`);
  const {
    client_email: account,
    private_key: pem,
    project_id: project,
    token_uri: uri,
  } = key as Record<string, string>;
  try {
    createPrivateKey(pem as string);
  } catch (error) {
    return malformed(`has a private key that cannot be read: ${describeError(error)}`);
  }
  const tokenUri = uri ?? GOOGLE_TOKEN_URI;
  if (!URL.canParse(tokenUri)) return malformed("has a token_uri that is no URL");
  return {
    finding: good("credential", `${file}: key of ${account}`),
    project: project as string,
    tokenUri,
  };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
