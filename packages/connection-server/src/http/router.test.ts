import { describe, expect, it } from "vitest";
import { createRouter } from "./router.ts";

const GET = "GET" as const;
const route = (path: string) => ({ method: GET, path });
const find = createRouter([
  route("/"),
  route("/a/:id"),
  route("/a/latest"),
  route("/v1/projects/:project/messages::send"),
  route("/a/:id/topics/:topic"),
]);

describe("router", () => {
  it.each([
    ["/", "/", {}],
    ["/a/7", "/a/:id", { id: "7" }],
    ["/a/latest", "/a/latest", {}],
    ["/a/latest/topics/x", "/a/:id/topics/:topic", { id: "latest", topic: "x" }],
    ["/a/b%2Fc%20d", "/a/:id", { id: "b/c d" }],
    ["/v1/projects/p/messages:send", "/v1/projects/:project/messages::send", { project: "p" }],
    ["/a/__proto__", "/a/:id", { id: "__proto__" }],
  ])("matches %s by %s", (path, pattern, params) => {
    expect(find("GET", path)).toEqual({ route: route(pattern), params });
  });

  it.each(["/b", "/a", "/a/", "/a/7/", "/A/7", "//", "/v1/projects//messages:send", "*", `/a/${"x".repeat(20_000)}`])(
    "does not match %s",
    (path) => {
      expect(find("GET", path)).toBe("not-found");
    },
  );

  it("tells percent-encoding that cannot be decoded from a path without a route", () => {
    expect(find("GET", "/%ZZ")).toBe("malformed");
  });

  it("does not match another method", () => {
    expect(find("HEAD", "/")).toBe("not-found");
  });

  it("refuses two routes of one method and path", () => {
    expect(() => createRouter([route("/x"), route("/x")])).toThrow("GET /x has two routes");
  });
});
