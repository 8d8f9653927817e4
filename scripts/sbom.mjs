// Software bill of materials of one packed package: what npm installs with it, in CycloneDX's JSON, by `npm sbom`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const fullName = ({ group, name }) => (group === undefined ? name : `${group}/${name}`);

/**
 * @param tarballs Path of the tarball of each package of ours, by name.
 * @param installed Packages with their licences (`dependenciesOf`): npm does not read the manifests of before 2014, which have a list of them.
 * @returns the document. Nothing is installed: the lock file alone is made, from the registry's manifests.
 */
export function sbomOf(name, tarballs, installed = []) {
  const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-sbom-"));
  const npm = (...args) =>
    execFileSync("npm", args, {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 1 << 26,
      stdio: ["ignore", "pipe", "inherit"],
    });
  try {
    const { [name]: own, ...siblings } = tarballs;
    const files = Object.fromEntries(Object.entries(siblings).map(([sibling, path]) => [sibling, `file:${path}`]));
    const manifest = {
      name: "installation",
      version: "0.0.0",
      private: true,
      dependencies: { [name]: `file:${own}` },
      overrides: files,
    };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    npm("install", "--package-lock-only", "--no-audit", "--no-fund", "--loglevel=error");
    const sbom = JSON.parse(
      npm("sbom", "--package-lock-only", "--omit=dev", "--sbom-format=cyclonedx", "--sbom-type=library"),
    );
    const licences = new Map(installed.map((each) => [`${each.name}@${each.version}`, each.licence]));
    for (const component of sbom.components) {
      const id = licences.get(`${fullName(component)}@${component.version}`);
      if (!component.licenses?.length && id !== undefined) component.licenses = [{ license: { id } }];
    }
    return sbom;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Faults of a document: the package or one of its dependencies is not in it, or a component has no licence that is known. */
export function sbomProblems(document, name, dependencies, licences) {
  if (document.bomFormat !== "CycloneDX") return ["is no document of CycloneDX"];
  const { components = [] } = document;
  const names = new Set(components.map(fullName));
  const missing = [name, ...dependencies].filter((each) => !names.has(each)).map((each) => `${each} is missing`);
  const licenceOf = ({ licenses: [first] = [] }) => first?.license?.id ?? first?.license?.name ?? first?.expression;
  const unknown = components
    .filter((component) => !licences.includes(licenceOf(component)))
    .map((component) => `${fullName(component)}: licence ${licenceOf(component) ?? "unknown"}`);
  return [...missing, ...unknown];
}
