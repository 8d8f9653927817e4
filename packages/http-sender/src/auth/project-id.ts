import { AuthenticationError, InvalidOptionsError } from "@cloud-messaging/core";

/** Form of a project's ID or number. */
export const PROJECT_ID = /^[a-z0-9][a-z0-9.:-]*$/i;
/** In words. */
export const PROJECT_ID_WORDS = "must be a project ID or number, as the console shows it";

/** The problem with a project ID that came from a file, a variable or another library; `undefined` where there is none. */
export function projectIdProblem(projectId: string | undefined): string | undefined {
  return projectId === undefined || PROJECT_ID.test(projectId) ? undefined : PROJECT_ID_WORDS;
}

/**
 * The project that the environment names.
 *
 * @throws {InvalidOptionsError} the variable holds something else.
 */
export function projectOfEnvironment(): string | undefined {
  for (const name of ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"]) {
    const projectId = process.env[name]?.trim();
    if (!projectId) continue;
    const problem = projectIdProblem(projectId);
    if (problem !== undefined) throw new InvalidOptionsError([{ path: name, problem }]);
    return projectId;
  }
  return undefined;
}

/**
 * The project that is charged for what a user's own credentials do. Source: docs/protocol/fcm-v1.md#authentication
 *
 * @param ofCredentials The one that the credentials name.
 * @throws {AuthenticationError} it is none.
 */
export function quotaProjectOf(ofCredentials: unknown): string | undefined {
  const ofEnvironment = process.env["GOOGLE_CLOUD_QUOTA_PROJECT"]?.trim();
  const quotaProject = ofEnvironment || ofCredentials;
  if (typeof quotaProject !== "string" || quotaProject === "") return undefined;
  if (PROJECT_ID.test(quotaProject)) return quotaProject;
  throw new AuthenticationError(
    `${ofEnvironment ? "GOOGLE_CLOUD_QUOTA_PROJECT" : "quota_project_id of the credentials"} ${PROJECT_ID_WORDS}`,
  );
}
