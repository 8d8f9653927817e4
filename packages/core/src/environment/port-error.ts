import { ConnectionError } from "../errors.ts";

/** Server that cannot listen: who it is, the port, and the option that sets it. */
export interface PortRequest {
  /** Name of the server, for the message: `The gateway`. */
  readonly who: string;
  /** Protocol of the port, for the message: `HTTP`. */
  readonly what: string;
  readonly host: string;
  readonly port: number;
  /** Option that sets the port: `http.port`. */
  readonly option: string;
}

/** Creates the error for a port that is not available, with the fix; any other error is returned as it is. */
export function portError(error: unknown, { who, what, host, port, option }: PortRequest): unknown {
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: `is taken by another program: stop that, or set ${option} to another port (0: any free one)`,
    EACCES: `may not be used by this user: set ${option} to a port from 1024 on (0: any free one)`,
    EADDRNOTAVAIL: "cannot be used: host is not an address of this machine",
    ENOTFOUND: "cannot be used: host is not known",
  };
  const { code } = (error ?? {}) as { code?: string };
  const why = code === undefined ? undefined : advice[code];
  if (why === undefined) return error;
  return new ConnectionError(`${who} cannot listen for ${what}: port ${port} of ${host} ${why}`, { cause: error });
}
