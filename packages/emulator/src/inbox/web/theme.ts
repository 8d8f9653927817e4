import { useLayoutEffect, useState } from "./preact.ts";

/** Colour theme: that of the system, or a chosen one. */
export type Theme = "auto" | "light" | "dark";

const KEY = "cloud-messaging-emulator.theme";

/** Chosen theme, stored in the browser. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(readTheme);
  // before the first rendering, so that button and page agree
  useLayoutEffect(() => {
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // without storage the choice is not kept
    }
  }, [theme]);
  return [theme, setTheme];
}

/** Returns the next theme in turn. */
export function nextTheme(theme: Theme): Theme {
  return theme === "auto" ? "light" : theme === "light" ? "dark" : "auto";
}

function readTheme(): Theme {
  try {
    const saved = localStorage.getItem(KEY);
    return saved === "light" || saved === "dark" ? saved : "auto";
  } catch {
    return "auto";
  }
}
