// Size of a server and of what it stores.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export const mib = (bytes) => Math.round(bytes / 2 ** 20);

/** Bytes of the files below a folder, without the write-ahead log of PostgreSQL, which is of a size of its own. */
export function bytesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("pg_wal"))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Resident memory of a server, without what its processes share counted twice. Unit: MiB. */
export function residentMib(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  const pss = [pid, ...children].map((each) => {
    const [, kib] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, "utf8")) ?? [];
    return Number(kib ?? 0);
  });
  return Math.round(pss.reduce((sum, kib) => sum + kib, 0) / 1024);
}
