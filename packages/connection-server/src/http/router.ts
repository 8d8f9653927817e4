import type { HttpRoute } from "./route.ts";

/** Longest path that is matched. Implementation limit. Unit: characters. */
const MAX_PATH_LENGTH = 16_384;

/** A route and the values of its named segments. */
export interface RouteMatch<R> {
  readonly route: R;
  readonly params: Readonly<Record<string, string>>;
}

/** Result of a lookup. */
export type Lookup<R> = RouteMatch<R> | "not-found" | "malformed";

interface Node<R> {
  readonly children: Map<string, Node<R>>;
  parameter?: { readonly name: string; readonly node: Node<R> };
  readonly routes: Map<string, R>;
}

/**
 * Creates a lookup of routes by method and path. A literal segment takes precedence over a parameter. Paths are case-sensitive, and a
 * trailing slash counts.
 *
 * @throws {Error} when two routes have the same method and path.
 */
export function createRouter<R extends Pick<HttpRoute, "method" | "path">>(
  routes: readonly R[],
): (method: string, path: string) => Lookup<R> {
  const root = newNode<R>();
  const literal = new Map<string, RouteMatch<R>>();
  for (const route of routes) {
    if (!route.path.includes(":")) literal.set(`${route.method} ${route.path}`, { route, params: {} });
    let node = root;
    for (const segment of route.path.slice(1).split("/")) node = childFor(node, segment);
    if (node.routes.has(route.method)) throw new Error(`${route.method} ${route.path} has two routes`);
    node.routes.set(route.method, route);
  }
  return (method, path) => {
    const known = literal.get(`${method} ${path}`);
    if (known !== undefined) return known;
    if (!path.startsWith("/") || path.length > MAX_PATH_LENGTH) return "not-found";
    const segments: string[] = [];
    for (const segment of path.slice(1).split("/")) {
      const decoded = decode(segment);
      if (decoded === undefined) return "malformed";
      segments.push(decoded);
    }
    return find(root, segments, 0, method, []) ?? "not-found";
  };
}

function newNode<R>(): Node<R> {
  return { children: new Map(), routes: new Map() };
}

function childFor<R>(node: Node<R>, segment: string): Node<R> {
  if (segment.startsWith(":") && !segment.startsWith("::")) {
    node.parameter ??= { name: segment.slice(1), node: newNode() };
    return node.parameter.node;
  }
  const literal = segment.replaceAll("::", ":");
  let child = node.children.get(literal);
  if (child === undefined) {
    child = newNode();
    node.children.set(literal, child);
  }
  return child;
}

function find<R>(
  node: Node<R>,
  segments: readonly string[],
  at: number,
  method: string,
  params: readonly (readonly [string, string])[],
): RouteMatch<R> | undefined {
  if (at === segments.length) {
    const route = node.routes.get(method);
    return route === undefined ? undefined : { route, params: Object.fromEntries(params) };
  }
  const segment = segments[at] as string;
  const child = node.children.get(segment);
  const found = child && find(child, segments, at + 1, method, params);
  if (found !== undefined || node.parameter === undefined || segment === "") return found;
  return find(node.parameter.node, segments, at + 1, method, [...params, [node.parameter.name, segment]]);
}

function decode(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
