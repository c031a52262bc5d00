// The page: reads its data, or asks the server for them, and joins the parts.

import { Charts } from "./charts";
import { Controls } from "./controls";
import { Details } from "./details";
import { byId, el, setText } from "./dom";
import { select } from "./filters";
import { Gallery } from "./gallery";
import { Live } from "./live";
import { itemOf, readHeading, readItems, type Entry, type Heading, type Item } from "./model";
import { Server, takeToken } from "./server";
import { totals } from "./summaries";
import { count, counted, moment, parseTime, visible } from "./text";
import { setUpTheme } from "./theme";
import { isOf, Uploads } from "./uploads";

const SCHEMA = 1;

class Page {
  private items: Item[];
  private readonly byId = new Map<string, Item>();
  private shown: Item[] = [];
  private isLoading: boolean;
  private readonly controls = new Controls(() => this.update(false));
  private readonly charts = new Charts(() => this.shown);
  private readonly gallery = new Gallery((item) => this.details.open(item));
  private readonly details = new Details(
    () => this.shown,
    (id) => this.byId.get(id),
    (item) => this.gallery.focus(item),
  );

  constructor(private readonly heading: Heading) {
    setUpTheme(() => this.charts.update());
    this.items = readItems();
    for (const item of this.items) this.byId.set(item.id, item);
    this.isLoading = heading.live;
    this.title();
    byId("failed-button").addEventListener("click", () => this.controls.chooseStatus("FAILED"));
    byId("empty-clear").addEventListener("click", () => {
      this.controls.reset();
      byId("shown").focus();
    });
    if (heading.live) this.goLive();
    this.controls.offer(this.items);
    this.update(false);
  }

  private title(): void {
    const { stack, region, account, generated, query, more, live, schema } = this.heading;
    document.title = `${visible(stack)} · imgctl`;
    setText(byId("title"), visible(stack));
    const about = [region, account ? `account ${account}` : "", live ? "live" : moment(parseTime(generated))];
    byId("about").append(...about.filter(Boolean).map((part) => el("span", {}, visible(part))));
    const limits = [
      query.status && `status ${query.status}`,
      query.key && `key ${query.key}`,
      query.since && `since ${moment(parseTime(query.since)) || query.since}`,
      query.until && `until ${moment(parseTime(query.until)) || query.until}`,
    ].filter((limit) => limit !== null);
    const notices = [
      limits.length ? `Only records with ${limits.join(", ")}.` : "",
      more ? `There are older records: this report has the newest ${count(this.items.length)}.` : "",
      schema === SCHEMA ? "" : "This page was made for other data: some of it may be missing.",
    ].filter(Boolean);
    byId("notice").replaceChildren(...notices.map((notice) => el("p", {}, visible(notice))));
  }

  private goLive(): void {
    byId("live").hidden = false;
    const token = takeToken();
    if (token === null) {
      this.isLoading = false;
      byId("connection").dataset["state"] = "lost";
      setText(byId("connection"), "The token is missing. Open the URL that `imgctl gallery` printed.");
      byId<HTMLButtonElement>("choose").disabled = true;
      return;
    }
    const server = new Server(token);
    const results = {
      find: (uploaded: Parameters<typeof isOf>[1]) => this.items.find((item) => isOf(item, uploaded)),
      open: (item: Item) => this.details.open(item),
    };
    const uploads = new Uploads(server, results, this.heading.max_upload_bytes ?? null);
    const receiver = {
      newer: (entries: readonly Entry[]) => {
        for (const item of this.take(entries, true)) uploads.accept(item);
      },
      older: (entries: readonly Entry[]) => void this.take(entries, false),
    };
    void new Live(server, receiver).follow();
  }

  /** Adds entries to the list, or replaces those of the same records. */
  private take(entries: readonly Entry[], areNewer: boolean): Item[] {
    const items = entries.map((entry) => itemOf(entry.record, () => entry.thumbnails));
    const added = items.filter((item) => !this.byId.has(item.id));
    for (const item of items) this.byId.set(item.id, item);
    const known = this.items.map((item) => this.byId.get(item.id) ?? item);
    this.items = areNewer ? [...added, ...known] : [...known, ...added];
    this.isLoading = false;
    this.controls.offer(this.items);
    this.update(true);
    return items;
  }

  private update(isSameList: boolean): void {
    this.shown = select(this.items, this.controls.filter, this.controls.sort);
    this.gallery.show(this.shown, isSameList);
    this.details.refresh();
    this.charts.update();
    this.summarize();
  }

  private reasonForNone(): string {
    if (this.heading.live) return "Drop a photograph on this page.";
    const isLimited = Object.values(this.heading.query).some((limit) => limit !== null);
    return isLimited ? "The table has none of what this report was asked for." : "Nothing was uploaded yet.";
  }

  private summarize(): void {
    const { shown, items } = this;
    const isAll = shown.length === items.length;
    const part = isAll ? counted(items.length, "image") : `${count(shown.length)} of ${counted(items.length, "image")}`;
    setText(byId("shown"), part);
    const sums = totals(shown);
    for (const name of ["images", "sizes", "saved", "typical", "slow"] as const) setText(byId(name), sums[name]);
    setText(byId("failed"), count(sums.failed));
    byId("failed-button").hidden = !sums.failed || this.controls.filter.status === "FAILED";
    byId("empty").hidden = shown.length > 0;
    byId("empty-clear").hidden = !items.length;
    const [title, text] = items.length
      ? ["No image matches", "Change the search or the filters."]
      : this.isLoading
        ? ["Loading…", ""]
        : ["No records", this.reasonForNone()];
    setText(byId("empty-title"), title);
    setText(byId("empty-text"), text);
    byId("overview").hidden = !items.length;
    byId("controls").hidden = !items.length;
  }
}

byId("page").hidden = false;
new Page(readHeading());
