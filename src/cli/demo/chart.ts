import type { Paint } from "../render/style.ts";

/** A bar of a chart of milliseconds. */
export interface Bar {
  readonly label: string;
  readonly ms: number;
  /** Whether nothing was reused. */
  readonly isCold: boolean;
}

const eighths = " ▏▎▍▌▋▊▉█";

/** Bars for a terminal, the longest `width` characters long. */
export function drawBars(bars: readonly Bar[], width: number, paint: Paint): string {
  const labelWidth = Math.max(...bars.map(({ label }) => label.length));
  const most = Math.max(...bars.map(({ ms }) => ms));
  const lines = bars.map(({ label, ms, isCold }) => {
    const units = Math.max(1, Math.round((ms / most) * width * 8));
    const bar = "█".repeat(units >> 3) + (units % 8 === 0 ? "" : eighths[units % 8]);
    return `${label.padEnd(labelWidth)}  ${paint(isCold ? "yellow" : "green", bar)} ${formatMs(ms)}`;
  });
  return `${lines.join("\n")}\n`;
}

/** `12 ms`, `3.4 s`. */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
