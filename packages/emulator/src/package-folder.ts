import { fileURLToPath } from "node:url";

/** Folder of this package, from a file in src/ and from a bundle in dist/ alike. */
export const PACKAGE_FOLDER: string = fileURLToPath(new URL("..", import.meta.url));
