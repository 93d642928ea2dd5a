import { type Bar, formatMs } from "./chart.ts";

const labelWidth = 250;
const barWidth = 380;
const rowHeight = 30;
const top = 64;

/** The chart as an SVG picture of its own. */
export function drawSvg(bars: readonly Bar[], title: string, subtitle: string): string {
  const most = Math.max(...bars.map(({ ms }) => ms));
  const height = top + bars.length * rowHeight + 16;
  const width = labelWidth + barWidth + 100;
  const rows = bars.map(({ label, ms, isCold }, index) => {
    const y = top + index * rowHeight;
    const length = Math.max(2, (ms / most) * barWidth);
    const color = isCold ? "#c77d0a" : "#1a7f4b";
    return [
      `<text x="${labelWidth - 10}" y="${y + 15}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="20" rx="2" fill="${color}"/>`,
      `<text x="${(labelWidth + length + 8).toFixed(1)}" y="${y + 15}">${formatMs(ms)}</text>`,
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13" fill="#222" role="img" aria-label="${escaped(title)}">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="16" y="26" font-size="16" font-weight="600">${escaped(title)}</text>
<text x="16" y="46" fill="#666">${escaped(subtitle)}</text>
${rows.join("\n")}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
