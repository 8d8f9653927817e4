import { useLayoutEffect, useState } from "./preact.ts";

/** Which colours: those of the system, or as chosen. */
export type Theme = "auto" | "light" | "dark";

const KEY = "cloud-messaging-emulator.theme";

/** The chosen theme, remembered in this browser. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(readTheme);
  // before it is drawn: the button does not say dark while the page is light
  useLayoutEffect(() => {
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // a browser without storage forgets
    }
  }, [theme]);
  return [theme, setTheme];
}

/** The next one in turn. */
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
