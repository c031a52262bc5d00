// The data of the page, as imgctl/pages/report.py and entries.py write it.

import { parseTime } from "./text";

export interface Thumbnails {
  readonly before: string | null;
  readonly after: string | null;
  readonly renditions: Readonly<Record<string, string>>;
}

export type RecordData = Readonly<Record<string, unknown>>;

export interface Entry {
  readonly record: RecordData;
  readonly thumbnails: Thumbnails;
}

export interface Heading {
  readonly schema: number;
  readonly stack: string;
  readonly region: string;
  readonly account: string | null;
  readonly generated: string;
  readonly query: Readonly<Record<"since" | "until" | "key" | "status", string | null>>;
  readonly more: boolean;
  readonly live: boolean;
  readonly max_upload_bytes?: number | null;
}

export interface Rendition {
  readonly name: string;
  readonly key: string;
  readonly width: number;
  readonly height: number;
  readonly format: string;
  readonly bytes: number;
  readonly quality: number | null;
  readonly notes: string;
}

/** A record, and what the page derives from it for filters and cards. */
export interface Item {
  readonly id: string;
  readonly record: RecordData;
  readonly status: string;
  readonly key: string;
  readonly name: string;
  readonly folder: string;
  readonly format: string;
  readonly reason: string;
  readonly time: number;
  readonly originalBytes: number | null;
  readonly resizedBytes: number | null;
  readonly saved: number | null;
  readonly durationMs: number | null;
  readonly renditions: readonly Rendition[];
  readonly searchText: string;
  readonly thumbnails: () => Thumbnails;
}

const NO_THUMBNAILS: Thumbnails = { before: null, after: null, renditions: {} };

export function text(record: RecordData, name: string): string {
  const value = record[name];
  return typeof value === "string" ? value : "";
}

export function number(record: RecordData, name: string): number | null {
  const value = record[name];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** The form in which texts are compared: case and Unicode's ways to write a letter do not matter. */
export function comparable(value: string): string {
  return value.normalize("NFC").toLowerCase();
}

export function itemOf(record: RecordData, thumbnails: () => Thumbnails): Item {
  const key = text(record, "OriginalObjectKey");
  const slash = key.lastIndexOf("/");
  const status = text(record, "Status") || "UNKNOWN";
  const originalBytes = number(record, "OriginalFileSize") ?? number(record, "OriginalSize");
  const resizedBytes = number(record, "ResizedFileSize");
  const renditions = renditionsOf(record);
  const texts = ["resource-id", "ResizedObjectKey", "Notes", "FailureReason", "VersionId", "RequestId"];
  return {
    id: text(record, "resource-id"),
    record,
    status,
    key,
    name: key.slice(slash + 1) || key || text(record, "resource-id"),
    folder: slash < 0 ? "" : key.slice(0, slash + 1),
    format: text(record, "OriginalFormat"),
    reason: text(record, "FailureCode"),
    time: parseTime(text(record, "ProcessingTime")),
    originalBytes,
    resizedBytes,
    saved: originalBytes && resizedBytes !== null ? (1 - resizedBytes / originalBytes) * 100 : null,
    durationMs: total(["FetchMs", "ResizeMs", "StoreMs"].map((name) => number(record, name))),
    renditions,
    searchText: comparable(
      [key, ...texts.map((name) => text(record, name)), ...renditions.map((made) => made.key)].join("\n"),
    ),
    thumbnails,
  };
}

function total(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}

function renditionsOf(record: RecordData): Rendition[] {
  const listed = Array.isArray(record["Renditions"]) ? (record["Renditions"] as RecordData[]) : [];
  return listed.map((made) => ({
    name: text(made, "name"),
    key: text(made, "key"),
    width: number(made, "width") ?? 0,
    height: number(made, "height") ?? 0,
    format: text(made, "format"),
    bytes: number(made, "bytes") ?? 0,
    quality: number(made, "quality"),
    notes: text(made, "notes"),
  }));
}

function data(kind: string): HTMLScriptElement[] {
  return [...document.querySelectorAll<HTMLScriptElement>(`script[data-${kind}]`)];
}

export function readHeading(): Heading {
  return JSON.parse(data("heading")[0]?.textContent ?? "null");
}

/** Reads the records of a report. Their thumbnails, most of the file, are parsed when they are shown. */
export function readItems(): Item[] {
  const thumbnails = data("thumbnails");
  return data("records").flatMap((element, chunk) => {
    const all = once(() => JSON.parse(thumbnails[chunk]?.textContent ?? "[]") as Thumbnails[]);
    const records: RecordData[] = JSON.parse(element.textContent ?? "[]");
    return records.map((record, index) => itemOf(record, () => all()[index] ?? NO_THUMBNAILS));
  });
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
