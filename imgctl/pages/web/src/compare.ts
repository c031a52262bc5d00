// Two images over each other, with a divider that a pointer or the keyboard moves.

import "img-comparison-slider";
import { el, icon } from "./dom";

interface Slider extends HTMLElement {
  value: number | string;
}

const KEYS: Readonly<Record<string, (at: number, step: number) => number>> = {
  ArrowLeft: (at, step) => at - step,
  ArrowDown: (at, step) => at - step,
  ArrowRight: (at, step) => at + step,
  ArrowUp: (at, step) => at + step,
  PageDown: (at) => at - 10,
  PageUp: (at) => at + 10,
  Home: () => 0,
  End: () => 100,
};

const STILL = new CSSStyleSheet();
STILL.replaceSync("@media (prefers-reduced-motion: reduce) { * { transition: none !important } }");

/**
 * Returns a slider with the images at these data URLs.
 *
 * The library's own keys move the divider only as long as they are held, which a screen reader's key
 * press is not. So they are turned off, and those of a slider take their place.
 */
export function comparison(before: string, after: string, ratio: number): HTMLElement {
  const slider = document.createElement("img-comparison-slider") as Slider;
  const attributes = {
    class: "compare",
    keyboard: "disabled",
    tabindex: 0,
    role: "slider",
    "aria-label": "Divider between before and after",
    "aria-orientation": "horizontal",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  };
  for (const [name, value] of Object.entries(attributes)) slider.setAttribute(name, String(value));
  slider.append(
    el("img", { slot: "first", src: before, alt: "Before", draggable: "false" }),
    el("img", { slot: "second", src: after, alt: "After", draggable: "false" }),
    el("span", { slot: "handle", class: "handle" }, icon("previous"), icon("next")),
  );
  slider.style.setProperty("--ratio", String(ratio));
  const announce = () => {
    const shown = Math.round(Number(slider.value));
    slider.setAttribute("aria-valuenow", String(shown));
    slider.setAttribute("aria-valuetext", `${shown}% before, ${100 - shown}% after`);
  };
  slider.addEventListener("slide", announce);
  slider.addEventListener("keydown", (event) => {
    const move = KEYS[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    slider.value = Math.min(100, Math.max(0, move(Number(slider.value), event.shiftKey ? 10 : 2)));
    announce();
  });
  slider.shadowRoot?.adoptedStyleSheets.push(STILL);
  announce();
  return slider;
}
