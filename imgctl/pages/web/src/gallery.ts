// The cards. They are made in batches, so that a page with many records opens at once.

import { arrange, byId, el, icon, setText } from "./dom";
import { statusName } from "./details";
import { imageUrl } from "./facts";
import { number, text, type Item } from "./model";
import { bytes, change, count, pixels, visible } from "./text";

const BATCH = 36;

export class Gallery {
  private readonly list = byId("gallery");
  private readonly more = byId<HTMLButtonElement>("show-more");
  private readonly cards = new Map<string, { item: Item; card: HTMLElement }>();
  private items: readonly Item[] = [];
  private limit = BATCH;

  constructor(open: (item: Item) => void) {
    this.list.addEventListener("click", (event) => {
      const card = (event.target as Element).closest("li");
      const found = card && [...this.cards.values()].find((shown) => shown.card === card);
      if (found) open(found.item);
    });
    this.more.addEventListener("click", () => {
      const at = this.list.children.length;
      this.extend();
      this.list.children[at]?.querySelector("button")?.focus();
    });
    const near = new IntersectionObserver(
      (entries) => {
        if (!entries.at(-1)?.isIntersecting) return;
        this.extend();
        near.unobserve(this.more); // so that it is told again if a batch does not fill the screen
        near.observe(this.more);
      },
      { rootMargin: "1200px" },
    );
    near.observe(this.more);
  }

  /** Shows these items; the number of cards stays if the list is the same one with additions. */
  show(items: readonly Item[], isSameList: boolean): void {
    this.items = items;
    if (!isSameList) this.limit = BATCH;
    this.render();
    if (!isSameList && window.scrollY > this.list.offsetTop) this.list.scrollIntoView();
  }

  /** Moves the focus to an item's card, if it has one. */
  focus(item: Item): void {
    this.cards.get(item.id)?.card.querySelector("button")?.focus();
  }

  private extend(): void {
    if (this.limit >= this.items.length) return;
    this.limit += BATCH;
    this.render();
  }

  private render(): void {
    const shown = this.items.slice(0, this.limit);
    const ids = new Set(shown.map((item) => item.id));
    for (const id of this.cards.keys()) if (!ids.has(id)) this.cards.delete(id);
    arrange(this.list, shown.map((item) => this.card(item)));
    const rest = this.items.length - shown.length;
    this.more.hidden = rest === 0;
    setText(this.more, `Show ${count(Math.min(BATCH, rest))} more of ${count(rest)}`);
  }

  private card(item: Item): HTMLElement {
    const known = this.cards.get(item.id);
    if (known?.item === item) return known.card;
    const card = el(
      "li",
      { class: `card ${item.status.toLowerCase().replace(/[^a-z]/g, "")}` },
      el("button", { type: "button" }, mat(item), el("span", { class: "about" }, ...about(item))),
    );
    this.cards.set(item.id, { item, card });
    return card;
  }
}

function mat(item: Item): HTMLElement {
  const { before, after } = item.thumbnails();
  const url = imageUrl(after) ?? imageUrl(before);
  const mat = el("span", { class: "mat" });
  if (item.status === "FAILED") {
    const reason = text(item.record, "FailureReason") || item.reason || "The image cannot be processed.";
    mat.append(icon("alert"), el("span", { class: "why" }, el("bdi", {}, visible(reason))));
  } else if (url) {
    mat.append(el("img", { src: url, alt: "", decoding: "async" }));
  } else {
    mat.append(icon("image"));
  }
  if (item.saved !== null) {
    const bar = el("span", { class: "left-over" });
    bar.style.setProperty("--share", `${Math.min(100, Math.max(0, 100 - item.saved))}%`);
    mat.append(bar);
  }
  const frames = number(item.record, "Frames") ?? 1;
  const tag = item.renditions.length > 1 ? `${item.renditions.length} renditions` : frames > 1 ? `${frames} frames` : "";
  if (tag) mat.append(el("span", { class: "tag" }, tag));
  return mat;
}

function about(item: Item): HTMLElement[] {
  const lines = [el("bdi", { class: "name", title: visible(item.key) }, visible(item.name))];
  const { record, originalBytes, resizedBytes, saved } = item;
  const size = (prefix: string) => {
    const [width, height] = [number(record, `${prefix}Width`), number(record, `${prefix}Height`)];
    return width === null || height === null ? "" : pixels(width, height);
  };
  if (item.status !== "SUCCEEDED") lines.push(el("span", { class: "status" }, statusName(item.status)));
  const sizes = [size("Original"), size("Resized")].filter(Boolean).join(" → ");
  if (sizes) lines.push(el("span", {}, sizes));
  const files = [originalBytes, resizedBytes].filter((value) => value !== null).map(bytes).join(" → ");
  const line = el("span", { class: "files" }, files && el("span", {}, files));
  if (saved !== null) {
    const sign = Math.round(saved) > 0 ? "−" : "+";
    const percent = `${sign}${count(Math.abs(Math.round(saved)))}%`;
    line.append(
      el("span", { class: "saved", "aria-hidden": "true" }, percent),
      el("span", { class: "unseen" }, `, ${change(saved)}`),
    );
  }
  return line.childElementCount ? [...lines, line] : lines;
}
