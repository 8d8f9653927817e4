// The tables of the registration store on lmdb, opened with the driver alone.
import { open } from "lmdb";

export function openBare(path) {
  const root = open({ path, noSubdir: false, maxDbs: 16, overlappingSync: false, eventTurnBatching: false });
  return {
    root,
    meta: root.openDB("meta", {}),
    registrations: root.openDB("registrations", {}),
    users: root.openDB("users", { dupSort: true, encoding: "ordered-binary" }),
    tokens: root.openDB("tokens", {}),
    sources: root.openDB("sources", {}),
    ages: root.openDB("ages", {}),
    changes: root.openDB("changes", { encoding: "json" }),
  };
}

/** Runs a change of the tables. As in the store a child transaction, which alone can be taken back where the change fails. */
export function inTransaction({ root, meta }, change) {
  return root.childTransaction(() => {
    const numbers = { ...(meta.get("numbers") ?? { counter: 0, users: 0, lastChange: 0 }) };
    const value = change(numbers);
    meta.put("numbers", numbers);
    return value;
  });
}
