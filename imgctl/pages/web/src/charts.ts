// The two charts. What they draw is also there as a sentence and as a table.

import { BarController, BarElement, CategoryScale, Chart, LinearScale, Tooltip } from "chart.js";
import { byId, el, setText } from "./dom";
import type { Item } from "./model";
import { reduction, throughput, type Bars } from "./summaries";
import { count } from "./text";

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

/** One chart within a figure: title, sentence, bars and table. */
class BarChart {
  private readonly canvas = el("canvas", { role: "img" });
  private readonly title = el("h2");
  private readonly sentence = el("p", { class: "soft" });
  private readonly body = el("tbody");
  private readonly head = el("tr");
  private readonly table: HTMLDetailsElement;
  private readonly colors = { bar: "", failed: "", soft: "", line: "" };
  private chart: Chart<"bar"> | null = null;
  private bars: Bars = { labels: [], good: [], failed: [] };

  constructor(
    parent: HTMLElement,
    private readonly unit: string,
  ) {
    const numbers = el("table", {}, el("thead", {}, this.head), this.body);
    const scroll = el("div", { class: "numbers", tabindex: 0, role: "region", "aria-label": "Numbers" }, numbers);
    this.table = el("details", {}, el("summary", {}, "Numbers"), scroll);
    this.table.addEventListener("toggle", () => this.fill());
    const caption = el("figcaption", {}, this.title, this.sentence);
    parent.append(el("figure", {}, caption, el("div", { class: "plot" }, this.canvas), this.table));
  }

  show(title: string, summary: string, bars: Bars): void {
    this.bars = bars;
    setText(this.title, title);
    setText(this.sentence, summary);
    this.canvas.setAttribute("aria-label", `${title}. ${summary} The numbers are in the table below.`);
    this.fill();
    this.canvas.hidden = ![...bars.good, ...bars.failed].some((value) => value > 0);
    this.draw();
  }

  /** Draws with the present colors. */
  draw(): void {
    for (const name of Object.keys(this.colors) as (keyof typeof this.colors)[]) {
      this.canvas.style.color = `var(--${name})`;
      this.colors[name] = getComputedStyle(this.canvas).color;
    }
    const chart = (this.chart ??= this.create());
    chart.data.labels = [...this.bars.labels];
    for (const [dataset, values] of [this.bars.good, this.bars.failed].entries()) {
      Object.assign(chart.data.datasets[dataset] ?? {}, { data: [...values] });
    }
    chart.update("none");
  }

  private create(): Chart<"bar"> {
    const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
    const bars = { maxBarThickness: 36, borderRadius: 2, categoryPercentage: 0.92, barPercentage: 0.94 };
    const { colors } = this;
    const ticks = { font, color: () => colors.soft };
    return new Chart(this.canvas, {
      type: "bar",
      data: {
        labels: [],
        datasets: [
          { label: "Processed", data: [], backgroundColor: () => colors.bar, ...bars },
          { label: "Failed", data: [], backgroundColor: () => colors.failed, ...bars },
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        plugins: { tooltip: { filter: (shown) => (shown.raw as number) > 0, displayColors: false } },
        scales: {
          x: {
            stacked: true,
            grid: { display: false },
            border: { display: false },
            ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 12 },
          },
          y: {
            stacked: true,
            border: { display: false },
            grid: { color: () => colors.line },
            ticks: { ...ticks, precision: 0, maxTicksLimit: 4 },
          },
        },
      },
    });
  }

  private fill(): void {
    if (!this.table.open) return;
    const { labels, good, failed } = this.bars;
    const titles = [this.unit, "Images", ...(failed.length ? ["Failed"] : [])];
    this.head.replaceChildren(...titles.map((title) => el("th", { scope: "col" }, title)));
    const rows = labels.map((label, at) => {
      const bad = failed[at] ?? 0;
      const cells = [(good[at] ?? 0) + bad, ...(failed.length ? [bad] : [])];
      return el("tr", {}, el("th", { scope: "row" }, label), ...cells.map((cell) => el("td", {}, count(cell))));
    });
    this.body.replaceChildren(...rows);
  }
}

function afterNextFrame(draw: () => void): void {
  requestAnimationFrame(() => setTimeout(draw));
}

/** Draws while they are open; `items` returns what to draw. */
export class Charts {
  private readonly section = byId<HTMLDetailsElement>("charts");
  private readonly reduction: BarChart;
  private readonly throughput: BarChart;
  private isWaiting = false;

  constructor(private readonly items: () => readonly Item[]) {
    const parent = byId("figures");
    this.reduction = new BarChart(parent, "Bytes saved");
    this.throughput = new BarChart(parent, "From");
    this.section.open = window.matchMedia("(min-width: 720px)").matches;
    this.section.addEventListener("toggle", () => this.update());
  }

  /** Draws anew, but not before the next frame, so that the cards come first. */
  update(): void {
    if (!this.section.open || this.isWaiting) return;
    this.isWaiting = true;
    afterNextFrame(() => {
      this.isWaiting = false;
      const items = this.items();
      const saved = reduction(items);
      this.reduction.show("Size reduction", saved.summary, saved);
      const timed = throughput(items);
      this.throughput.show(timed.title, timed.summary, timed);
    });
  }
}
