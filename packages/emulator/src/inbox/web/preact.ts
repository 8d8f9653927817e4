// The one place that knows which library draws the page (and `jsxImportSource` in tsconfig.json).
export { type ComponentChildren, type JSX, render } from "preact";
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
