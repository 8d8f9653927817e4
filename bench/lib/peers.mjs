// The libraries that we are compared with. `npm run bench` installs them; a case without its peer is run all the same.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Contestants of a case by their peers: those that are installed, and the names of the others. */
export function peers(contestants) {
  const found = {};
  const missing = [];
  for (const [name, contestant] of Object.entries(contestants)) {
    if (isInstalled(name)) found[name] = contestant;
    else missing.push(name);
  }
  return { contestants: found, missing };
}

function isInstalled(name) {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch (error) {
    // a package may keep its package.json to itself
    return error.code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
  }
}
