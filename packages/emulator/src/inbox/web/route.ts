import { useEffect, useState } from "./preact.ts";

/** The page's views. */
export type View = "messages" | "devices" | "connections" | "faults";

/** What the address asks for: `#/messages/12?q=…`. */
export interface Route {
  readonly view: View;
  /** Of messages a number, or `latest`. */
  readonly id: string | undefined;
  /** What is behind the question mark; `undefined` without one. */
  readonly query: string | undefined;
}

const VIEWS: readonly string[] = ["messages", "devices", "connections", "faults"];

/** Reads the part of an address after its `#`; what cannot be read is the list of messages. */
export function parseRoute(hash: string): Route {
  const mark = hash.indexOf("?");
  const query = mark === -1 ? undefined : hash.slice(mark + 1);
  const [, view = "", id] = (mark === -1 ? hash : hash.slice(0, mark)).replace(/^#/, "").split("/");
  if (!VIEWS.includes(view)) return { view: "messages", id: undefined, query: undefined };
  const known = id !== undefined && id !== "" && (view !== "messages" || /^(\d+|latest)$/.test(id));
  return { view: view as View, id: known ? decoded(id) : undefined, query };
}

/** An address typed by hand may hold anything. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Goes to a view, or to one thing in it.
 *
 * @param passing Takes the place of the last address: stepping through a list leaves no trail for the Back button.
 */
export function goTo(view: View, id?: string, passing = false): void {
  const { view: from, query } = parseRoute(location.hash);
  const path = id === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(id)}`;
  // what narrows a view down stays while it is not left
  const hash = view === from && query !== undefined ? `${path}?${query}` : path;
  if (location.hash === hash) return;
  if (passing && parseRoute(location.hash).id !== undefined) replaceHash(hash);
  else location.hash = hash;
}

/** Writes what narrows a view down into the address while it is shown, without a trail for the Back button. */
export function setQuery(view: View, query: string): void {
  if (parseRoute(location.hash).view !== view) return;
  const [path = ""] = (location.hash === "" ? "#/messages" : location.hash).split("?", 1);
  const hash = query === "" ? path : `${path}?${query}`;
  if (location.hash !== hash && !(location.hash === "" && query === "")) replaceHash(hash);
}

function replaceHash(hash: string): void {
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** What the address asks for now. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = (): void => setHash(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return parseRoute(hash);
}
