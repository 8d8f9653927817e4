import { useEffect, useState } from "./preact.ts";

/** The page's views. */
export type View = "messages" | "devices" | "connections" | "faults";

/** What the address asks for: `#/messages/12`. */
export interface Route {
  readonly view: View;
  readonly id: string | undefined;
}

const VIEWS: readonly string[] = ["messages", "devices", "connections", "faults"];

/** Reads the part of an address after its `#`; what cannot be read is the list of messages. */
export function parseRoute(hash: string): Route {
  const [, view = "", id] = hash.replace(/^#/, "").split("/");
  if (!VIEWS.includes(view)) return { view: "messages", id: undefined };
  const known = id !== undefined && id !== "" && (view !== "messages" || /^\d+$/.test(id));
  return { view: view as View, id: known ? decoded(id) : undefined };
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
  const hash = id === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(id)}`;
  if (location.hash === hash) return;
  if (passing && parseRoute(location.hash).id !== undefined) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = hash;
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
