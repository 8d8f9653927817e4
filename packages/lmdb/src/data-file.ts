import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { join } from "node:path";

// The layout of LMDB's data file on machines of 64 bits. LMDB maps the file into memory: a page that the file lacks ends the process with a
// signal that nothing can catch, so the file is looked at before.
const META_MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_HEADER = 24;
const META_FLAG = 0x08;
const BRANCH_FLAG = 0x01;
const BIG_DATA = 0x01;
const SUB_TREE = 0x02;
const META_BYTES = PAGE_HEADER + 144;
const NO_PAGE = 2 ** 48 - 1;

interface Tree {
  readonly depth: number;
  readonly root: number;
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
  readonly free: Tree;
  readonly main: Tree;
}

/** Fault of a data file. */
export interface DataFileFault {
  readonly reason: "damaged" | "other-format";
  readonly detail: string;
}

/**
 * Finds what keeps LMDB from using the data file in a folder: cut off, overwritten, written by another version of LMDB. Reads two pages; the
 * tree only where the file is shorter than its last page, which is usual where the last pages are unused.
 *
 * @returns `undefined` for a whole file, an empty one, and none.
 */
export function dataFileFault(folder: string): DataFileFault | undefined {
  if (endianness() !== "LE" || !/64/.test(process.arch)) return undefined;
  let file: number;
  try {
    file = openSync(join(folder, "data.mdb"), "r");
  } catch {
    return undefined; // LMDB tells why, or makes it
  }
  try {
    let seen: number | undefined;
    // another process may be writing: a fault counts once it is found twice in the same state
    for (let tries = 0; tries < 100; tries++) {
      const found = faultOf(file);
      if (found.fault === undefined) return undefined;
      if (tries > 0 && found.transaction === seen) return found.fault;
      seen = found.transaction;
      pause(20);
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

function faultOf(file: number): { fault?: DataFileFault; transaction?: number } {
  const size = fstatSync(file).size;
  if (size === 0) return {};
  const first = metaAt(file, 0);
  if ("reason" in first) return { fault: first };
  const second = metaAt(file, first.pageSize);
  if ("reason" in second) return { fault: second };
  const meta = second.transaction > first.transaction ? second : first;
  const { transaction, pageSize, lastPage } = meta;
  // the size of the newest state: the file only grows
  const pages = Math.floor(fstatSync(file).size / pageSize);
  if (pages > lastPage) return {};
  return isWhole(file, meta, pages)
    ? {}
    : { fault: damaged(`cut off after ${pages} of ${lastPage + 1} pages`), transaction };
}

const damaged = (detail: string): DataFileFault => ({ reason: "damaged", detail });

function metaAt(file: number, offset: number): Meta | DataFileFault {
  const page = Buffer.alloc(META_BYTES);
  if (readSync(file, page, 0, META_BYTES, offset) < META_BYTES) return damaged("shorter than its header");
  if ((page.readUInt16LE(18) & META_FLAG) === 0 || page.readUInt32LE(24) !== META_MAGIC)
    return damaged("no LMDB data file");
  const version = page.readUInt16LE(28);
  if (version !== DATA_VERSION)
    return { reason: "other-format", detail: `LMDB's data version ${version}, not ${DATA_VERSION}` };
  const pageSize = page.readUInt32LE(48);
  if (pageSize < 256 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0)
    return damaged(`a page size of ${pageSize}`);
  return {
    pageSize,
    free: treeAt(page, 48),
    main: treeAt(page, 96),
    lastPage: page.readUIntLE(144, 6),
    transaction: page.readUIntLE(152, 6),
  };
}

const treeAt = (page: Buffer, offset: number): Tree => ({
  depth: page.readUInt16LE(offset + 6),
  root: page.readUIntLE(offset + 40, 6),
});

/** True if every page that is in use is one of the first `pages`. */
function isWhole(file: number, { pageSize, free, main }: Meta, pages: number): boolean {
  function holds({ root, depth }: Tree): boolean {
    if (root === NO_PAGE) return true;
    if (root >= pages || depth < 1 || depth > 32) return false;
    const page = Buffer.alloc(pageSize);
    if (readSync(file, page, 0, pageSize, root * pageSize) < pageSize || page.readUIntLE(0, 6) !== root) return false;
    if (((page.readUInt16LE(18) & BRANCH_FLAG) !== 0) !== depth > 1) return false;
    const nodes = page.readUInt16LE(20) >> 1;
    if (PAGE_HEADER + nodes * 2 > pageSize) return false;
    for (let index = 0; index < nodes; index++) {
      const node = PAGE_HEADER + page.readUInt16LE(PAGE_HEADER + index * 2);
      if (node + 8 > pageSize) return false;
      const child = depth > 1 ? { root: page.readUIntLE(node, 6), depth: depth - 1 } : undefined;
      if (!(child === undefined ? leafHolds(page, node) : holds(child))) return false;
    }
    return true;
  }

  function leafHolds(page: Buffer, node: number): boolean {
    const flags = page.readUInt16LE(node + 4);
    const data = node + 8 + page.readUInt16LE(node + 6);
    if ((flags & SUB_TREE) !== 0) return data + 48 <= pageSize && holds(treeAt(page, data));
    if ((flags & BIG_DATA) === 0) return true;
    const bytes = page.readUInt32LE(node);
    return data + 8 <= pageSize && page.readUIntLE(data, 6) + Math.ceil((PAGE_HEADER + bytes) / pageSize) <= pages;
  }

  return holds(free) && holds(main);
}

/** Blocks this thread: opening a store is synchronous, and the wait is short and rare. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
