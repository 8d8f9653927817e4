import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { loadOptionalPackage } from "./optional-package.ts";

describe("an optional package", () => {
  const name = "@cloud-messaging/no-such-package";
  const require = createRequire(import.meta.url);

  it.each([
    ["import()", () => import(/* @vite-ignore */ name)],
    ["require()", async () => require(name)],
  ])("that is not installed is named with the command that installs it, for %s", async (_, load) => {
    await expect(loadOptionalPackage(name, load)).rejects.toMatchObject({
      name: "MissingPackageError",
      code: "ERR_MISSING_PACKAGE",
      packageName: name,
      message: `This needs the package ${name}, which is not installed: npm install ${name}`,
      cause: { code: expect.stringMatching(/MODULE_NOT_FOUND$/) },
    });
  });

  it("that lacks a dependency of its own keeps its error", async () => {
    await expect(loadOptionalPackage("no-such", async () => require(name))).rejects.toMatchObject({
      code: "MODULE_NOT_FOUND",
      message: expect.stringContaining(name),
    });
  });

  it("that is installed is given as it is", async () => {
    const { createRequire: loaded } = await loadOptionalPackage("node:module", () => import("node:module"));
    expect(loaded).toBe(createRequire);
  });
});
