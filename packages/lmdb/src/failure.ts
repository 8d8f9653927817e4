/**
 * Reason of a failure of the database. `disk-full`: no space is left, or a quota is reached. `not-permitted`: the folder or a file in it
 * cannot be written. `damaged`: the data file is not a whole one. `other-format`: it was written by another version. `remote-folder`: it
 * is on a network file system. `failed`: anything else; `cause` says it.
 */
export type LmdbFailure = "disk-full" | "not-permitted" | "damaged" | "other-format" | "remote-folder" | "failed";

/** Numbers of the system's errors, and of LMDB's own. */
const REASONS: Readonly<Record<string, LmdbFailure>> = {
  28: "disk-full", // ENOSPC
  122: "disk-full", // EDQUOT
  27: "disk-full", // EFBIG: the largest file that this process may write
  5: "disk-full", // EIO: LMDB's name for a write that the disk took in part only
  1: "not-permitted",
  13: "not-permitted",
  30: "not-permitted",
  EACCES: "not-permitted",
  EPERM: "not-permitted",
  EROFS: "not-permitted",
  ENOSPC: "disk-full",
  EDQUOT: "disk-full",
  "-30797": "damaged", // MDB_PAGE_NOTFOUND
  "-30796": "damaged", // MDB_CORRUPTED
  "-30793": "damaged", // MDB_INVALID
  "-30794": "other-format", // MDB_VERSION_MISMATCH
};

const ADVICE: Readonly<Record<LmdbFailure, string>> = {
  "disk-full": "the disk is full or does not take what is written: make space, then call again",
  "not-permitted": "this process may not write there: give it the folder, or choose another one",
  damaged: "the data file is damaged: put back a copy of the folder, or move it away to begin with an empty one",
  "other-format": "the data file was written by another version: use that version, or move the folder away",
  "remote-folder": "it is on a network file system: choose a folder on a disk of this machine",
  failed: "the cause says why",
};

/** Reads the reason from an error of LMDB or of the system. */
export function reasonOf(error: unknown): LmdbFailure {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return REASONS[String(code)] ?? "failed";
}

/** Says in words what could not be done, and gives advice. */
export function describeFailure(reason: LmdbFailure, doing: string, folder: string, detail: string): string {
  const facts = detail === "" ? "" : ` (${detail})`;
  return `${JSON.stringify(folder)} could not be ${doing}: ${ADVICE[reason]}${facts}`;
}
