// The dialog with everything about one record.

import { comparison } from "./compare";
import { byId, el, icon, setText } from "./dom";
import { everyField, failure, imageUrl, notes, own, renditions, sides, timing } from "./facts";
import { number, text, type Item } from "./model";
import { count, moment, visible } from "./text";

export const STATUS_NAMES: Readonly<Record<string, string>> = {
  SUCCEEDED: "Succeeded",
  FAILED: "Failed",
  SUPERSEDED: "Superseded",
  UNKNOWN: "Unknown",
};

export function statusName(status: string): string {
  return Object.hasOwn(STATUS_NAMES, status) ? (STATUS_NAMES[status] ?? "") : visible(status);
}

/**
 * Shows items of a list one at a time; the list may change while the dialog is open.
 *
 * `moved` is called when the dialog is closed at another item than it was opened for.
 */
export class Details {
  private readonly dialog = byId<HTMLDialogElement>("details");
  private readonly title = byId("details-title");
  private readonly position = byId("details-position");
  private readonly images = byId("details-images");
  private readonly facts = byId("details-facts");
  private readonly previous = byId<HTMLButtonElement>("details-previous");
  private readonly next = byId<HTMLButtonElement>("details-next");
  private item: Item | null = null;
  private opened = "";

  constructor(
    private readonly shown: () => readonly Item[],
    private readonly find: (id: string) => Item | undefined,
    moved: (item: Item) => void,
  ) {
    this.previous.append(icon("previous"));
    this.next.append(icon("next"));
    byId("details-close").append(icon("close"));
    this.previous.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    byId("details-close").addEventListener("click", () => this.dialog.close());
    this.closeBeside();
    this.dialog.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (event.key === "ArrowLeft") this.step(-1);
      if (event.key === "ArrowRight") this.step(1);
    });
    this.dialog.addEventListener("close", () => {
      // The browser returns the focus to what opened the dialog.
      if (this.item && this.item.id !== this.opened) moved(this.item);
      this.item = null;
    });
  }

  open(item: Item): void {
    this.show(item);
    if (!this.dialog.open) {
      this.opened = item.id;
      this.dialog.showModal();
    }
    this.title.focus();
  }

  /** Refreshes what depends on the list, and the record if a newer form of it has come. */
  refresh(): void {
    if (!this.item) return;
    const current = this.find(this.item.id);
    if (current && current !== this.item) this.show(current);
    else this.place();
  }

  /** Closes at a click beside the dialog, which has no padding; not if a drag only ends there. */
  private closeBeside(): void {
    let pressed: EventTarget | null = null;
    this.dialog.addEventListener("pointerdown", (event) => {
      pressed = event.target;
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog && pressed === this.dialog) this.dialog.close();
    });
  }

  private step(by: number): void {
    const at = this.index();
    const item = at < 0 ? undefined : this.shown()[at + by];
    if (item) this.show(item);
  }

  private index(): number {
    return this.shown().findIndex((item) => item.id === this.item?.id);
  }

  private place(): void {
    const [at, length] = [this.index(), this.shown().length];
    const isListed = at >= 0;
    this.previous.setAttribute("aria-disabled", String(!isListed || at === 0));
    this.next.setAttribute("aria-disabled", String(!isListed || at === length - 1));
    setText(this.position, isListed ? `${count(at + 1)} of ${count(length)}` : "");
  }

  private show(item: Item): void {
    this.item = item;
    this.title.replaceChildren(el("bdi", {}, visible(item.name)));
    const thumbnails = item.thumbnails();
    this.images.replaceChildren(...this.pictures(item));
    const superseding = this.find(text(item.record, "SupersededBy"));
    const newer = superseding && el("button", { type: "button", class: "quiet" }, "Show the newer upload");
    newer?.addEventListener("click", () => this.open(superseding as Item));
    const about = [statusName(item.status), moment(item.time)].filter(Boolean).join(" · ");
    this.facts.replaceChildren(
      el("p", { class: "soft" }, item.folder ? el("bdi", {}, visible(item.folder)) : "No folder"),
      el("p", {}, about, newer ? " · " : "", newer ?? ""),
    );
    const parts = [
      failure(item),
      sides(item),
      renditions(item, thumbnails),
      timing(item.record),
      notes(item.record),
      everyField(item.record),
    ];
    this.facts.append(...parts.filter((part) => part !== null));
    this.facts.scrollTop = 0;
    this.place();
  }

  private pictures(item: Item): HTMLElement[] {
    const { before, after, renditions: made } = item.thumbnails();
    const original = imageUrl(before);
    const results = new Map<string, string>();
    for (const { name } of item.renditions) {
      const url = imageUrl(own(made, name));
      if (url) results.set(name, url);
    }
    const result = imageUrl(after);
    if (result && !results.size) results.set("After", result);
    const [first] = results;
    const frame = el("div", { class: "frame" });
    const show = (name: string, url: string) => frame.replaceChildren(...this.pair(item, original, name, url));
    if (first) show(...first);
    else if (original) frame.append(el("img", { src: original, alt: "Original" }));
    else frame.append(el("p", { class: "blank" }, icon("image"), "There is no preview."));
    return results.size > 1 ? [frame, this.choice([...results], show)] : [frame];
  }

  private pair(item: Item, original: string | null, name: string, url: string): HTMLElement[] {
    if (!original) return [el("img", { src: url, alt: "Output" })];
    const [width, height] = [number(item.record, "OriginalWidth"), number(item.record, "OriginalHeight")];
    const ratio = width && height ? Math.min(4, Math.max(0.25, width / height)) : 4 / 3;
    return [
      comparison(original, url, ratio),
      el("span", { class: "side before", "aria-hidden": "true" }, "Before"),
      el("span", { class: "side after", "aria-hidden": "true" }, visible(name)),
    ];
  }

  private choice(results: [string, string][], show: (name: string, url: string) => void): HTMLElement {
    const buttons = results.map(([name, url], at) => {
      const button = el(
        "button",
        { type: "button", "aria-pressed": String(at === 0) },
        el("img", { src: url, alt: "" }),
        el("bdi", {}, visible(name)),
      );
      button.addEventListener("click", () => {
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        show(name, url);
      });
      return button;
    });
    return el("div", { class: "choice", role: "group", "aria-label": "Rendition to compare" }, ...buttons);
  }
}
