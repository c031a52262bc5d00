// How values are written. Names are written with escapes for what would hide or reorder text.

const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\ud800-\udfff\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}]/gu;

/** Escapes control characters, marks of direction and invisible characters, as the command line does. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  });
}

/** `812 B`, `4.2 kB`, `18 MB`. */
export function bytes(count: number): string {
  let size = count;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (size < 999.5) return `${size < 9.95 && unit !== "B" ? size.toFixed(1) : Math.round(size)} ${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(1)} TB`;
}

export function pixels(width: number, height: number): string {
  return `${width}×${height}`;
}

/** `412 ms`, `3.4 s`, `2 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 90_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

const COUNT = new Intl.NumberFormat("en-US");

export function count(number: number): string {
  return COUNT.format(number);
}

export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `70% smaller`, `4% larger`. */
export function change(saved: number): string {
  const percent = Math.round(Math.abs(saved));
  if (percent === 0) return "same size";
  return `${count(percent)}% ${saved > 0 ? "smaller" : "larger"}`;
}

const MOMENT = new Intl.DateTimeFormat("en-US", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** A time in the reader's time zone; empty if it is not known. */
export function moment(time: number): string {
  return Number.isNaN(time) ? "" : MOMENT.format(time);
}

/** Parses a time of a record; the original function wrote UTC without saying so. */
export function parseTime(text: string | null): number {
  if (!text || !/^\d{4}-\d\d-\d\d/.test(text)) return Number.NaN;
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text);
  return Date.parse(hasZone || text.length <= 10 ? text : `${text}Z`);
}
