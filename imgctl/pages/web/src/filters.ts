// Which items are shown, in which order. Pure: the controls are in controls.ts.

import { comparable, type Item } from "./model";

/** The wanted values; empty strings and nulls want anything. Times are ms since 1970, sizes bytes. */
export interface Filter {
  readonly words: string;
  readonly status: string;
  readonly format: string;
  readonly folder: string;
  readonly reason: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly smallest: number | null;
  readonly largest: number | null;
}

export const SORTS = {
  newest: "Newest first",
  oldest: "Oldest first",
  name: "Name",
  largest: "Largest original",
  most: "Most saved",
  least: "Least saved",
  slowest: "Slowest",
} as const;

export type Sort = keyof typeof SORTS;

export function select(items: readonly Item[], filter: Filter, sort: Sort): Item[] {
  const words = comparable(filter.words).split(/\s+/).filter(Boolean);
  const found = items.filter((item) => matches(item, filter, words));
  return sort === "newest" ? found : found.sort(ORDERS[sort]);
}

function matches(item: Item, filter: Filter, words: readonly string[]): boolean {
  return (
    (!filter.status || item.status === filter.status) &&
    (!filter.format || item.format === filter.format) &&
    (!filter.reason || item.reason === filter.reason) &&
    (!filter.folder || item.folder.startsWith(filter.folder)) &&
    within(item.time, filter.from, filter.to) &&
    within(item.originalBytes, filter.smallest, filter.largest) &&
    words.every((word) => item.searchText.includes(word))
  );
}

function within(value: number | null, least: number | null, most: number | null): boolean {
  if (least === null && most === null) return true;
  if (value === null || Number.isNaN(value)) return false;
  return (least === null || value >= least) && (most === null || value <= most);
}

const NAMES = new Intl.Collator("en", { numeric: true });

// Items arrive with the newest first, and sorting keeps that order among equal ones.
const ORDERS: Readonly<Record<Sort, (a: Item, b: Item) => number>> = {
  newest: () => 0,
  oldest: descending((item) => -item.time),
  name: (a, b) => NAMES.compare(a.key, b.key),
  largest: descending((item) => item.originalBytes),
  most: descending((item) => item.saved),
  least: descending((item) => (item.saved === null ? null : -item.saved)),
  slowest: descending((item) => item.durationMs),
};

/** Orders by a value; items without one come last. */
function descending(value: (item: Item) => number | null): (a: Item, b: Item) => number {
  const known = (item: Item) => {
    const found = value(item);
    return found === null || Number.isNaN(found) ? Number.NEGATIVE_INFINITY : found;
  };
  return (a, b) => {
    const [first, second] = [known(a), known(b)];
    return first === second ? 0 : second > first ? 1 : -1;
  };
}

/** Counts the values of items, with the most frequent first; empty values are left out. */
export function tally(items: readonly Item[], value: (item: Item) => string): [string, number][] {
  const counts = new Map<string, number>();
  for (const item of items) {
    const found = value(item);
    if (found) counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || NAMES.compare(a[0], b[0]));
}

/** Counts the items below each folder, in the order of names: at most `limit`, those with most items. */
export function folders(items: readonly Item[], limit: number): [string, number][] {
  const counts = new Map<string, number>();
  for (const item of items) {
    for (let end = item.folder.indexOf("/"); end >= 0; end = item.folder.indexOf("/", end + 1)) {
      const folder = item.folder.slice(0, end + 1);
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
  }
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, limit);
  return most.sort((a, b) => NAMES.compare(a[0], b[0]));
}
