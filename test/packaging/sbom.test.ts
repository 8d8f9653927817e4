import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { sbomOf, sbomProblems } from "../../scripts/sbom.mjs";

const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-sbom-test-"));
const [SENDER, CORE, OLD] = ["@cloud-messaging/test-sender", "@cloud-messaging/test-core", "of-2013"] as const;
const tarballs: Record<string, string> = {};

/** Packs a package of nothing but its manifest, as `npm pack` does. */
function pack(name: string, manifest: object) {
  const parent = join(folder, name.replace("/", "-"));
  mkdirSync(join(parent, "package"), { recursive: true });
  writeFileSync(join(parent, "package/package.json"), JSON.stringify({ name, version: "1.2.3", ...manifest }));
  tarballs[name] = join(parent, "package.tgz");
  execFileSync("tar", ["-czf", tarballs[name], "-C", parent, "package"]);
}

beforeAll(() => {
  // all are given as files, so nothing is asked of a registry
  vi.stubEnv("npm_config_offline", "true");
  pack(CORE, { license: "Apache-2.0" });
  pack(SENDER, { license: "MIT", dependencies: { [CORE]: "^1.0.0", [OLD]: "^1.0.0" } });
  pack(OLD, { licenses: [{ type: "MIT" }] }); // npm does not read it
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe("the bill of materials of a packed package", () => {
  it("lists the package and what is installed with it, each with its version and licence", () => {
    const sbom = sbomOf(SENDER, tarballs, [{ name: OLD, version: "1.2.3", licence: "MIT" }]);
    expect(sbom).toMatchObject({ bomFormat: "CycloneDX" });
    expect(sbom.components?.map(({ name, version, licenses }) => [name, version, licenses])).toEqual(
      expect.arrayContaining([
        [expect.stringContaining("test-core"), "1.2.3", [{ license: { id: "Apache-2.0" } }]],
        [expect.stringContaining("test-sender"), "1.2.3", [{ license: { id: "MIT" } }]],
        [OLD, "1.2.3", [{ license: { id: "MIT" } }]],
      ]),
    );
    expect(sbomProblems(sbom, SENDER, [CORE], ["Apache-2.0", "MIT"])).toEqual([]);
    expect(sbomProblems(sbom, SENDER, [CORE, "undici"], ["MIT"])).toEqual([
      "undici is missing",
      `${CORE}: licence Apache-2.0`,
    ]);
  }, 60_000);

  it("has a problem where it is no document of CycloneDX, or a licence is unknown", () => {
    expect(sbomProblems({ bomFormat: "SPDX" }, CORE, [], [])).toEqual(["is no document of CycloneDX"]);
    const components = [{ group: "@cloud-messaging", name: "test-core" }];
    expect(sbomProblems({ bomFormat: "CycloneDX", components }, CORE, [], ["MIT"])).toEqual([
      `${CORE}: licence unknown`,
    ]);
  });
});
