import { useEffect, useState } from "./preact.ts";

/** Views of the page. */
export type View = "messages" | "devices" | "connections" | "faults";

/** Parsed address: `#/messages/12?q=…`. */
export interface Route {
  readonly view: View;
  /** ID within the view; for messages a number, or `latest`. */
  readonly id: string | undefined;
  /** Query; `undefined` without one. */
  readonly query: string | undefined;
}

const VIEWS: readonly string[] = ["messages", "devices", "connections", "faults"];

/** Parses the fragment of an address; an invalid one is the message list. */
export function parseRoute(hash: string): Route {
  const mark = hash.indexOf("?");
  const query = mark === -1 ? undefined : hash.slice(mark + 1);
  const [, view = "", id] = (mark === -1 ? hash : hash.slice(0, mark)).replace(/^#/, "").split("/");
  if (!VIEWS.includes(view)) return { view: "messages", id: undefined, query: undefined };
  const known = id !== undefined && id !== "" && (view !== "messages" || /^(\d+|latest)$/.test(id));
  return { view: view as View, id: known ? decoded(id) : undefined, query };
}

/** Decodes a part of an address that may be invalid. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Navigates to a view or an item in it.
 *
 * @param passing Replaces the history entry, so that stepping through a list does not fill the browser history.
 */
export function goTo(view: View, id?: string, passing = false): void {
  const { view: from, query } = parseRoute(location.hash);
  const path = id === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(id)}`;
  // the filter is kept within a view
  const hash = view === from && query !== undefined ? `${path}?${query}` : path;
  if (location.hash === hash) return;
  if (passing && parseRoute(location.hash).id !== undefined) replaceHash(hash);
  else location.hash = hash;
}

/** Writes the filter of a view to the address without a history entry. */
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

/** Current route. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = (): void => setHash(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return parseRoute(hash);
}
