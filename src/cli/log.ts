import { Writable } from "node:stream";
import type { Logger as PinoLogger } from "pino";
import type { Config } from "../config/schema.ts";
import { wantsColor, type CliIo } from "./io.ts";
import { painter, type Paint, type Style } from "./render/style.ts";

/** The log of a server, on stderr: JSON for machines, plain lines for people. */
export async function createLogger(settings: Config["log"], io: CliIo): Promise<PinoLogger> {
  const { pino } = await import("pino");
  const text = settings.format === "text" || (settings.format === "auto" && io.stderr.isTTY);
  const paint = painter(wantsColor(io.stderr, io.env));
  const lines = new Writable({
    decodeStrings: false,
    write: (line: string, _, done) => {
      io.stderr.write(text ? readable(line, paint) : line);
      done();
    },
  });
  return pino({ level: settings.level, base: null }, lines);
}

const levels: Readonly<Record<number, readonly [name: string, style: Style]>> = {
  10: ["trace", "dim"],
  20: ["debug", "dim"],
  30: ["info", "green"],
  40: ["warn", "yellow"],
  50: ["error", "red"],
};

/** `12:00:00.000 info listening port=6379` */
function readable(line: string, paint: Paint): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const [name, style] = levels[Number(level)] ?? ["fatal", "red"];
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${show(value)}`);
  return `${[paint("dim", clock), paint(style, name), String(msg), ...rest].join(" ")}\n`;
}

function show(value: unknown): string {
  return typeof value === "string" && !/\s/.test(value) ? value : JSON.stringify(value);
}
