import { fileURLToPath } from "node:url";

/** Folder of this package, both from src/ and from a bundle in dist/. */
export const PACKAGE_FOLDER: string = fileURLToPath(new URL("..", import.meta.url));
