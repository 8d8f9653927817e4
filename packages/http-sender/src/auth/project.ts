import type { Clock } from "@cloud-messaging/core";
import {
  type CancelTimer,
  isErrorLike,
  type MonotonicInstant,
  onAbort,
  timeLeftMs,
} from "@cloud-messaging/core/transport";
import type { NotSent } from "../fcm-v1/answer.ts";
import { type AccessTokenProvider, AccessTokenUnavailableError } from "./access-token.ts";
import { projectIdProblem, projectOfEnvironment } from "./project-id.ts";

/** Dependencies of a lookup. */
export interface ProjectLookupOptions {
  readonly provider: AccessTokenProvider;
  readonly clock: Clock;
  /** One send waits so long at most. Unit: milliseconds. */
  readonly timeoutMs: number;
}

/** Asks a credential which project it belongs to: once for however many sends wait, each as long as it wants to. */
export class ProjectLookup {
  readonly #options: ProjectLookupOptions;
  readonly #closing = new AbortController();
  #finding: Promise<string | NotSent> | undefined;

  constructor(options: ProjectLookupOptions) {
    this.#options = options;
  }

  /** The project's ID, or why the message was not sent. Never rejects. */
  find({
    signal,
    deadline,
  }: {
    signal?: AbortSignal | undefined;
    deadline?: MonotonicInstant | undefined;
  }): Promise<string | NotSent> {
    if (this.#closing.signal.aborted) return Promise.resolve(CLOSED);
    if (signal?.aborted) return Promise.resolve(ABORTED);
    const { clock, timeoutMs } = this.#options;
    this.#finding ??= this.#ask();
    const finding = this.#finding;
    return new Promise((resolve) => {
      let cancel: CancelTimer | undefined;
      const settle = (result: string | NotSent): void => {
        cancel?.();
        forgetSignal();
        forgetClosing();
        resolve(result);
      };
      const forgetSignal = onAbort(signal, () => settle(ABORTED));
      const forgetClosing = onAbort(this.#closing.signal, () => settle(CLOSED));
      const leftMs = deadline === undefined ? Number.POSITIVE_INFINITY : timeLeftMs(clock, deadline);
      cancel = clock.schedule(Math.min(leftMs, timeoutMs), () => {
        // one that hangs is not what everybody after waits for
        if (leftMs >= timeoutMs) this.#forget(finding);
        settle(TIMEOUT);
      });
      void finding.then((result) => {
        // a failure may have passed by the next send
        this.#forget(finding);
        settle(result);
      });
    });
  }

  /** Ends every wait as `closed`. */
  close(): void {
    this.#closing.abort();
  }

  #forget(finding: Promise<string | NotSent>): void {
    if (this.#finding === finding) this.#finding = undefined;
  }

  async #ask(): Promise<string | NotSent> {
    let detail = "the credential does not say which project it belongs to: give projectId, or set GOOGLE_CLOUD_PROJECT";
    try {
      const projectId = (await this.#options.provider.findProjectId?.()) || projectOfEnvironment();
      const problem = projectIdProblem(projectId);
      if (projectId !== undefined && problem === undefined) return projectId;
      if (problem !== undefined) detail = `the project ID of the credential ${problem}`;
    } catch (error) {
      if (error instanceof AccessTokenUnavailableError) return { code: error.code, detail: error.message };
      if (isErrorLike(error)) detail = error.message;
    }
    return { code: "authentication-failed", detail };
  }
}

const ABORTED: NotSent = { code: "aborted", detail: "the signal was aborted" };
const CLOSED: NotSent = { code: "closed", detail: "the sender was closed before it knew its project" };
const TIMEOUT: NotSent = { code: "timeout", detail: "the credential did not say in time which project it belongs to" };
