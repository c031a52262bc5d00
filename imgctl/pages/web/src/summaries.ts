// The figures of the items that are shown. Pure: charts.ts draws them.

import type { Item } from "./model";
import { bytes, change, count, counted, duration, moment } from "./text";

export interface Bars {
  readonly labels: readonly string[];
  readonly good: readonly number[];
  readonly failed: readonly number[];
}

export interface Throughput extends Bars {
  readonly title: string;
  readonly summary: string;
}

export interface Totals {
  readonly images: string;
  readonly failed: number;
  readonly sizes: string;
  readonly saved: string;
  readonly typical: string;
  readonly slow: string;
}

export function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
}

function numbers(items: readonly Item[], value: (item: Item) => number | null): number[] {
  return items.map(value).filter((found) => found !== null);
}

export function totals(items: readonly Item[]): Totals {
  const made = items.filter((item) => item.saved !== null);
  const before = made.reduce((sum, item) => sum + (item.originalBytes ?? 0), 0);
  const after = made.reduce((sum, item) => sum + (item.resizedBytes ?? 0), 0);
  const durations = numbers(items, (item) => item.durationMs);
  const [typical, slow] = [quantile(durations, 0.5), quantile(durations, 0.95)];
  return {
    images: count(items.length),
    failed: items.filter((item) => item.status === "FAILED").length,
    sizes: made.length ? `${bytes(before)} → ${bytes(after)}` : "–",
    saved: before ? change((1 - after / before) * 100) : "",
    typical: typical === null ? "–" : duration(typical),
    slow: slow === null ? "" : `95% within ${duration(slow)}`,
  };
}

const STEPS = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90];

/** Counts images by the share of bytes that was saved. */
export function reduction(items: readonly Item[]): Bars & { summary: string } {
  const saved = numbers(items, (item) => item.saved);
  const good = Array.from({ length: STEPS.length + 1 }, () => 0);
  for (const percent of saved) {
    const step = percent < 0 ? 0 : Math.min(STEPS.length, Math.floor(percent / 10) + 1);
    good[step] = (good[step] ?? 0) + 1;
  }
  const labels = ["larger", ...STEPS.map((step) => `${step}–${step + 10}%`)];
  const middle = quantile(saved, 0.5);
  const summary =
    middle === null
      ? "No image that is shown has a result."
      : `Median of ${counted(saved.length, "result")}: ${change(middle)}.`;
  return { labels, good, failed: [], summary };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SPANS: readonly (readonly [number, string])[] = [
  [SECOND, "second"],
  [10 * SECOND, "10 seconds"],
  [MINUTE, "minute"],
  [5 * MINUTE, "5 minutes"],
  [15 * MINUTE, "15 minutes"],
  [HOUR, "hour"],
  [6 * HOUR, "6 hours"],
  [DAY, "day"],
  [7 * DAY, "week"],
  [30 * DAY, "30 days"],
  [365 * DAY, "year"],
];
const MOST_BARS = 48;

/** Counts images by time, in spans that fit the range; times that are not known are left out. */
export function throughput(items: readonly Item[]): Throughput {
  const timed = items.filter((item) => !Number.isNaN(item.time));
  const times = timed.map((item) => item.time);
  const first = times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const last = times.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (!timed.length) {
    const summary = "No image that is shown has a time.";
    return { title: "Images over time", labels: [], good: [], failed: [], summary };
  }
  const fitting = SPANS.find(([span]) => (last - first) / span < MOST_BARS - 1);
  const [span, name] = fitting ?? [Math.ceil((last - first) / (MOST_BARS - 2)), "span"];
  const zone = new Date(first).getTimezoneOffset() * MINUTE; // days begin at the reader's midnight
  const start = Math.floor((first - zone) / span) * span + zone;
  const length = Math.floor((last - start) / span) + 1;
  const good = Array.from({ length }, () => 0);
  const failed = Array.from({ length }, () => 0);
  for (const item of timed) {
    const counts = item.status === "FAILED" ? failed : good;
    const bar = Math.floor((item.time - start) / span);
    counts[bar] = (counts[bar] ?? 0) + 1;
  }
  const most = Math.max(...good.map((value, bar) => value + (failed[bar] ?? 0)));
  return {
    title: `Images per ${name}`,
    labels: good.map((_, bar) => label(start + bar * span, span)),
    good,
    failed,
    summary: `At most ${count(most)} per ${name}, from ${moment(first)} to ${moment(last)}.`,
  };
}

const DAYS = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric" });
const YEARS = new Intl.DateTimeFormat("en-US", { year: "numeric", month: "short" });
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
const MINUTES = new Intl.DateTimeFormat("en-US", CLOCK);
const SECONDS = new Intl.DateTimeFormat("en-US", { ...CLOCK, second: "2-digit" });
const HOURS = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", ...CLOCK });

function label(time: number, span: number): string {
  const format =
    span < MINUTE ? SECONDS : span < HOUR ? MINUTES : span < DAY ? HOURS : span < 30 * DAY ? DAYS : YEARS;
  return format.format(time);
}
