import { KeepwarmError } from "../errors.ts";

const byteUnits: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1024 ** 4,
  tib: 1024 ** 4,
};

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function parse(
  text: string | number,
  units: Readonly<Record<string, number>>,
  bare: string,
  what: string,
  example: string,
): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(text));
  const unit = match ? units[match[2].toLowerCase() || bare] : undefined;
  if (match === null || unit === undefined)
    throw new KeepwarmError("INPUT_INVALID", `${JSON.stringify(text)} is not a ${what}`, {
      remedy: `Write a number with a unit, such as ${example}.`,
    });
  return Math.round(Number(match[1]) * unit);
}

/** Bytes named by `"64KiB"`, `"1.5 GiB"`, `"100mb"` or a bare number. All units are powers of 1024. */
export function parseBytes(text: string | number): number {
  return parse(text, byteUnits, "", "size", '"64KiB" or "8GiB"');
}

/** Milliseconds named by `"250ms"`, `"30s"`, `"5m"`, `"1h"`, or a bare number of milliseconds. */
export function parseDuration(text: string | number): number {
  return parse(text, durationUnits, "ms", "duration", '"500ms" or "30s"');
}

const byteSteps = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1536` → `"1.5 KiB"`. Three significant digits at most. */
export function formatBytes(bytes: number): string {
  let step = 0;
  let value = bytes;
  while (Math.abs(value) >= 1024 && step < byteSteps.length - 1) {
    value /= 1024;
    step++;
  }
  return `${trim(value)} ${byteSteps[step]}`;
}

/** `1500` → `"1.5 s"`, `0.25` → `"250 us"`. */
export function formatDuration(ms: number): string {
  if (ms < 1) return `${trim(ms * 1000)} us`;
  if (ms < 1000) return `${trim(ms)} ms`;
  if (ms < 60_000) return `${trim(ms / 1000)} s`;
  if (ms < 3_600_000) return `${trim(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${trim(ms / 3_600_000)} h`;
  return `${trim(ms / 86_400_000)} d`;
}

/** `1234567` → `"1,234,567"`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** `0.3664` → `"36.6 %"`; nothing to divide is `"-"`. */
export function formatRatio(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}

function trim(value: number): string {
  return String(Number(value.toPrecision(value >= 100 ? 4 : 3)));
}
