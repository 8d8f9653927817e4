// The only file that imports the rendering library (see also `jsxImportSource` in tsconfig.json).
export { type ComponentChildren, type JSX, render } from "preact";
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
