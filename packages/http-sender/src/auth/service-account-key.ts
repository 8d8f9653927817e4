import { InvalidOptionsError } from "@cloud-messaging/core";
import { readInput } from "@cloud-messaging/core/transport";
import { type ServiceAccountKey, ServiceAccountKeySchema } from "@cloud-messaging/core/wire";
import { projectIdProblem } from "./project-id.ts";

/** A service-account key in the spelling of firebase-admin's `cert()`. */
export interface FirebaseAdminServiceAccount {
  readonly projectId?: string;
  readonly clientEmail: string;
  /** A secret. */
  readonly privateKey: string;
}

/** The spelling of firebase-admin, field by field, as its own `cert()` takes it. */
const OTHER_NAMES = {
  projectId: "project_id",
  clientEmail: "client_email",
  privateKey: "private_key",
  privateKeyId: "private_key_id",
  tokenUri: "token_uri",
} as const;

/**
 * Checks a service-account key as it stands in its file, or in the spelling of firebase-admin.
 *
 * @throws {InvalidOptionsError} naming the field, and what the object looks like instead; never holds any of the key.
 */
export function parseServiceAccountKey(input: object): ServiceAccountKey {
  const named: Record<string, unknown> = { ...input };
  for (const [other, name] of Object.entries(OTHER_NAMES)) {
    if (named[name] === undefined && named[other] !== undefined) named[name] = named[other];
  }
  const wording = { name: "a field of a service-account key", path: ["credential"] };
  const reading = readInput(ServiceAccountKeySchema, named, wording);
  if (!("value" in reading)) {
    const problems = reading.problems.map(({ path, problem }) => ({
      path,
      problem: `${problem}; a service-account key is the JSON file from the console, with client_email and private_key${seen(input)}`,
    }));
    throw new InvalidOptionsError(problems);
  }
  const problem = projectIdProblem(reading.value.project_id);
  if (problem !== undefined) throw new InvalidOptionsError([{ path: "credential.project_id", problem }]);
  return reading.value;
}

/** Names other files of the same consoles by their marks. */
function seen(input: object): string {
  const has = (name: string): boolean => Object.hasOwn(input, name);
  if (has("project_info") && has("client")) return ", and this is google-services.json, which belongs into the app";
  if (has("installed") || has("web")) return ", and this is an OAuth client's secret";
  if (has("apiKey") && has("authDomain")) return ", and this is the configuration of a web app";
  const names = Object.keys(input).filter((name) => /^\w{1,30}$/.test(name));
  return names.length === 0 ? "" : `, and this object has ${names.slice(0, 6).join(", ")}`;
}
