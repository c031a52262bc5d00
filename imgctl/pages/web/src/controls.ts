// Search, filters and order: the form above the cards.

import { statusName, STATUS_NAMES } from "./details";
import { byId, el, icon, setText } from "./dom";
import { folders, SORTS, tally, type Filter, type Sort } from "./filters";
import type { Item } from "./model";
import { count, visible } from "./text";

const MOST_FOLDERS = 300; // as options: search finds the others
const MB = 1_000_000;

export class Controls {
  private readonly form = byId<HTMLFormElement>("controls");
  private readonly panel = byId("filters");
  private readonly toggle = byId<HTMLButtonElement>("filters-toggle");
  private readonly clear = byId<HTMLButtonElement>("clear");
  private readonly statuses = new Map<string, { label: HTMLElement; number: HTMLElement }>();

  constructor(private readonly changed: () => void) {
    const sort = this.field("sort");
    for (const [name, title] of Object.entries(SORTS)) sort.append(el("option", { value: name }, title));
    this.toggle.prepend(icon("filter"));
    byId("search-icon").append(icon("search"));
    this.form.addEventListener("input", () => this.report());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.toggle.addEventListener("click", () => this.expand(Boolean(this.panel.hidden)));
    this.clear.addEventListener("click", () => {
      this.reset();
      this.field("words").focus();
    });
  }

  get sort(): Sort {
    return this.field("sort").value as Sort;
  }

  get filter(): Filter {
    const value = (name: string) => this.field(name).value;
    const size = (name: string) => (value(name) ? Number(value(name)) * MB : null);
    const time = (name: string) => (value(name) ? Date.parse(value(name)) : null);
    const end = time("to");
    return {
      words: value("words"),
      status: (this.form.elements.namedItem("status") as RadioNodeList | null)?.value ?? "",
      format: value("format"),
      folder: value("folder"),
      reason: value("reason"),
      from: time("from"),
      to: end === null ? null : end + 59_999, // the whole minute
      smallest: size("smallest"),
      largest: size("largest"),
    };
  }

  get isFiltering(): boolean {
    return Object.values(this.filter).some((value) => value !== null && value !== "");
  }

  /** Removes all filters; the order stays. */
  reset(): void {
    const sort = this.sort;
    this.form.reset();
    this.field("sort").value = sort;
    this.report();
  }

  /** Shows only what has this status. */
  chooseStatus(status: string): void {
    const input = this.form.querySelector<HTMLInputElement>(`input[name=status][value="${CSS.escape(status)}"]`);
    if (!input) return;
    input.checked = true;
    input.focus();
    this.report();
  }

  /** Offers the values that the items have. */
  offer(items: readonly Item[]): void {
    const found = new Map(tally(items, (item) => item.status));
    const names = [...Object.keys(STATUS_NAMES).filter((status) => found.has(status))];
    names.push(...[...found.keys()].filter((status) => !names.includes(status)));
    this.offerStatus("", "All", items.length);
    for (const status of names) this.offerStatus(status, statusName(status), found.get(status) ?? 0);
    this.options("format", tally(items, (item) => item.format), "Any format");
    this.options("reason", tally(items, (item) => item.reason), "Any reason");
    this.options("folder", folders(items, MOST_FOLDERS), "Any folder");
  }

  private offerStatus(status: string, title: string, number: number): void {
    const known = this.statuses.get(status);
    if (known) {
      setText(known.number, count(number));
      return;
    }
    const shown = el("span", { class: "number" }, count(number));
    const input = el("input", { type: "radio", name: "status", value: status, checked: status === "" });
    const label = el("label", {}, input, el("span", {}, title, " ", shown));
    byId("statuses").append(label);
    this.statuses.set(status, { label, number: shown });
  }

  private options(name: string, values: readonly (readonly [string, number])[], any: string): void {
    const field = this.field(name) as HTMLSelectElement;
    const chosen = field.value;
    const offered = values.map(([value, number]) => el("option", { value }, `${visible(value)} (${count(number)})`));
    field.replaceChildren(el("option", { value: "" }, any), ...offered);
    field.value = chosen;
    if (field.selectedIndex < 0) field.value = "";
    (field.closest("label") as HTMLElement).hidden = !values.length;
  }

  private report(): void {
    const { words, status, ...panel } = this.filter;
    const active = Object.values(panel).filter((value) => value !== null && value !== "").length;
    setText(byId("filters-number"), active ? ` (${active})` : "");
    this.clear.hidden = !(active || words || status);
    this.changed();
  }

  private expand(isOpen: boolean): void {
    this.panel.hidden = !isOpen;
    this.toggle.setAttribute("aria-expanded", String(isOpen));
  }

  private field(name: string): HTMLInputElement | HTMLSelectElement {
    return this.form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
  }
}
