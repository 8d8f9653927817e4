// `repository`, `homepage` and `bugs` of every package, and the address that errors name, from the one place that knows the address: `repository` of the root's package.json.
//
//   node scripts/identity.mjs
//
// Without it no package says anything, and errors name the page in the package. A test compares (test/packaging/identity.test.ts).
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const read = (file) => JSON.parse(readFileSync(join(ROOT, file), "utf8"));

/** The fields of one package; none while the address is not known. */
export function identityOf(name, repository = read("package.json").repository) {
  if (repository === undefined) return {};
  const page = pageOf(repository);
  return {
    repository: { type: "git", url: repository, directory: `packages/${name}` },
    homepage: `${page}/tree/main/packages/${name}#readme`,
    bugs: { url: `${page}/issues` },
  };
}

/** Address of the page about errors and warnings: in the repository, or in the package of core. */
export function errorsPage(repository = read("package.json").repository) {
  const folder = repository === undefined ? "@cloud-messaging/core" : `${pageOf(repository)}/blob/main`;
  return `${folder}/docs/errors.md`;
}

const pageOf = (repository) => repository.replace(/^git\+/, "").replace(/\.git$/, "");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of readdirSync(join(ROOT, "packages"))) {
    const file = `packages/${name}/package.json`;
    const { repository: _, homepage: __, bugs: ___, ...manifest } = read(file);
    writeFileSync(join(ROOT, file), `${JSON.stringify({ ...manifest, ...identityOf(name) }, null, 2)}\n`);
  }
  const source = join(ROOT, "packages/core/src/docs-of.ts");
  writeFileSync(source, readFileSync(source, "utf8").replace(/"[^"]*docs\/errors\.md"/, JSON.stringify(errorsPage())));
}
