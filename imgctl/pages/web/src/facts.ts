// What is known about one record, as tables and lists.

import { el, type Child } from "./dom";
import failures from "../../failures.json";
import fields from "./fields.json";
import { number, text, type Item, type RecordData, type Thumbnails } from "./model";
import { bytes, change, duration, pixels, visible } from "./text";

const MEANINGS: Readonly<Record<string, string>> = failures;

const NONE = "–";

function name(value: string): HTMLElement | string {
  return value ? el("bdi", {}, visible(value)) : NONE;
}

function section(title: string, ...children: Child[]): HTMLElement {
  return el("section", {}, el("h3", {}, title), ...children);
}

/** Returns why the image failed, what that means, and what to do; null if it did not fail. */
export function failure(item: Item): HTMLElement | null {
  const [reason, hint] = [text(item.record, "FailureReason"), text(item.record, "FailureHint")];
  if (!reason && !item.reason) return null;
  const meaning = Object.hasOwn(MEANINGS, item.reason) ? MEANINGS[item.reason] : "";
  return el(
    "div",
    { class: "failure" },
    el("p", { class: "reason" }, name(reason || item.reason)),
    meaning && meaning !== reason && el("p", {}, meaning),
    hint && el("p", {}, el("strong", {}, "What to do: "), name(hint)),
    item.reason && el("p", { class: "soft" }, "Code: ", el("code", {}, visible(item.reason))),
  );
}

/** Returns the facts of the original and of its output next to each other. */
export function sides(item: Item): HTMLElement {
  const side = (prefix: string) => {
    const [width, height] = [number(item.record, `${prefix}Width`), number(item.record, `${prefix}Height`)];
    const size = prefix === "Original" ? item.originalBytes : item.resizedBytes;
    const key = text(item.record, `${prefix}ObjectKey`);
    return [
      width === null || height === null ? NONE : pixels(width, height),
      size === null ? NONE : bytes(size),
      name(text(item.record, `${prefix}Format`)),
      name(text(item.record, `${prefix}Mode`)),
      name(key),
      name(text(item.record, `${prefix}Bucket`)),
    ];
  };
  const [before, after] = [side("Original"), side("Resized")];
  const titles = ["Pixels", "File size", "Format", "Color mode", "Key", "Bucket"];
  const rows = titles.flatMap((title, row) => {
    if (before[row] === NONE && after[row] === NONE) return [];
    const saved = title === "File size" && item.saved !== null && el("span", { class: "saved" }, change(item.saved));
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, title),
      el("td", {}, before[row]),
      el("td", {}, after[row], saved && " ", saved),
    );
  });
  return section("Before and after", table(["", "Before", "After"], rows, "sides"));
}

function table(titles: readonly string[], rows: readonly HTMLElement[], kind: string): HTMLElement {
  const heads = titles.map((title) => (title ? el("th", { scope: "col" }, title) : el("td", {})));
  return el("table", { class: kind }, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows));
}

/** Returns each rendition with its image; null if the record lists none. */
export function renditions(item: Item, thumbnails: Thumbnails): HTMLElement | null {
  if (!item.renditions.length) return null;
  const rows = item.renditions.map((made) => {
    const url = imageUrl(own(thumbnails.renditions, made.name));
    const facts = [
      pixels(made.width, made.height),
      bytes(made.bytes),
      visible(made.format),
      made.quality === null ? "" : `quality ${made.quality}`,
    ];
    return el(
      "li",
      {},
      url ? el("img", { src: url, alt: "" }) : el("span", { class: "blank" }),
      el(
        "div",
        {},
        el("strong", {}, name(made.name)),
        el("p", {}, facts.filter(Boolean).join(" · ")),
        el("p", { class: "soft" }, name(made.key)),
        made.notes && el("p", { class: "soft" }, "Not kept: ", name(made.notes)),
      ),
    );
  });
  return section("Renditions", el("ul", { class: "renditions" }, ...rows));
}

/** Returns the durations of the steps, and a bar in proportion; null if none is recorded. */
export function timing(record: RecordData): HTMLElement | null {
  const steps = ["Fetch", "Resize", "Store"].flatMap((step) => {
    const ms = number(record, `${step}Ms`);
    return ms === null ? [] : [{ step, ms: Math.max(0, ms) }];
  });
  if (!steps.length) return null;
  const bar = el("div", { class: "steps", "aria-hidden": "true" });
  for (const { step, ms } of steps) {
    const part = el("span", { class: step.toLowerCase() });
    part.style.flexGrow = String(Math.max(1, ms));
    bar.append(part);
  }
  const total = steps.reduce((sum, { ms }) => sum + ms, 0);
  const rows = steps.map(({ step, ms }) =>
    el("div", { class: step.toLowerCase() }, el("dt", {}, step), el("dd", {}, duration(ms))),
  );
  const all = el("div", {}, el("dt", {}, "Total"), el("dd", {}, duration(total)));
  return section("Time", bar, el("dl", { class: "step-times" }, ...rows, all));
}

/** Returns what could not be kept; null if the record has no notes. */
export function notes(record: RecordData): HTMLElement | null {
  const lines = text(record, "Notes").split("; ").filter(Boolean);
  if (!lines.length) return null;
  return section("Not kept", el("ul", { class: "notes" }, ...lines.map((line) => el("li", {}, name(line)))));
}

/** Returns every field of the record with its meaning; fields of a later version have none. */
export function everyField(record: RecordData): HTMLElement {
  const known = new Map(fields.map((field) => [field.name, field.meaning]));
  const names = [...known.keys()].filter((field) => Object.hasOwn(record, field));
  names.push(...Object.keys(record).filter((field) => !known.has(field)));
  const rows = names.map((field) => {
    const value = record[field];
    const shown = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    return el(
      "div",
      {},
      el("dt", {}, el("code", {}, visible(field))),
      el("dd", {}, name(shown)),
      known.has(field) && el("dd", { class: "soft" }, known.get(field)),
    );
  });
  const summary = el("summary", {}, "All fields, and what they mean");
  return el("details", { class: "fields" }, summary, el("dl", {}, ...rows));
}

/** Returns a value of an object that came as JSON, but nothing that every object has. */
export function own(values: Readonly<Record<string, string>>, key: string): string | null {
  return Object.hasOwn(values, key) ? (values[key] ?? null) : null;
}

/** Returns a data URL of an image; null for anything else. */
export function imageUrl(url: string | null): string | null {
  return url && /^data:image\/(webp|jpeg|png);base64,/.test(url) ? url : null;
}
