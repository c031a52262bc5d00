// Light, dark, or as the system has it. The choice is kept where the browser allows it.

import { byId, el, icon, type IconName } from "./dom";

const NAME = "imgctl-theme";
const THEMES: readonly (readonly [IconName, string])[] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function setUpTheme(changed: () => void): void {
  const chosen = THEMES.some(([theme]) => theme === load()) ? load() : "system";
  const root = document.documentElement;
  root.dataset["theme"] = chosen;
  for (const [theme, name] of THEMES) {
    const input = el("input", { type: "radio", name: "theme", value: theme, checked: theme === chosen });
    input.addEventListener("change", () => {
      root.dataset["theme"] = theme;
      save(theme);
      changed();
    });
    byId("theme").append(el("label", { title: name }, input, icon(theme), el("span", { class: "unseen" }, name)));
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

// A browser may refuse storage, as to a file or in a private window.
function load(): string {
  try {
    return localStorage.getItem(NAME) ?? "system";
  } catch {
    return "system";
  }
}

function save(theme: string): void {
  try {
    localStorage.setItem(NAME, theme);
  } catch {
    // It then lasts as long as the page.
  }
}
