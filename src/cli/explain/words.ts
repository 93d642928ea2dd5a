import { formatDuration } from "../../util/units.ts";
import type { Alternative } from "./alternatives.ts";
import type { Fate } from "./fate.ts";
import type { KeysFlags } from "../keys/flags.ts";
import type { Sighting } from "./search.ts";

/** What became of a key, as the end of a sentence that begins with it. */
export function fateInWords(fate: Fate, now: number): string {
  const words = lastInWords(fate, now);
  return fate.state !== "present" && fate.unanswered === true
    ? `${words}; stores on other machines did not answer in time`
    : words;
}

function lastInWords(fate: Fate, now: number): string {
  const ago = (at: number): string => `${formatDuration(Math.max(0, now - at))} ago`;
  switch (fate.state) {
    case "present":
      return `is in ${fate.tiers.join(" and ")}`;
    case "left":
      return leftInWords(fate, ago(fate.at));
    case "cleared":
      return `was not stored since the database was emptied ${ago(fate.at)}`;
    default:
      return fate.since === undefined
        ? "is not there; this server does not remember what it had"
        : `was never stored, or left more than ${formatDuration(Math.max(0, now - fate.since))} ago`;
  }
}

function leftInWords(
  { reason, tier, idleMs }: Extract<Fate, { state: "left" }>,
  ago: string,
): string {
  switch (reason) {
    case "evicted":
      return `was evicted from ${tier} ${ago}, ${idleMs < 1000 ? "at once after its last use" : `after ${formatDuration(idleMs)} without use`}`;
    case "expired":
      return `expired ${ago}`;
    case "removed":
      return `was deleted ${ago}`;
    case "demoted":
      return `left ${tier} ${ago} for the tier below, and has left that since`;
    case "dropped":
      return `was sent ${ago}, and there was no room for it in ${tier}`;
    default:
      return `left ${tier} ${ago} (${reason})`;
  }
}

/** How a sighting differs from what was asked for: "chunk size 64 instead of 256, model x instead of y". */
export function sightingInWords(
  { alternative, differences }: Sighting,
  flags: KeysFlags | undefined,
): string {
  const changes = alternative === undefined ? [] : changesInWords(alternative, flags);
  return [
    ...changes,
    ...differences.map(({ field, asked, stored }) => `${field} ${stored} instead of ${asked}`),
  ].join(", ");
}

const changeNames: Readonly<Partial<Record<keyof KeysFlags, readonly [name: string, by: string]>>> =
  {
    hash: ["hash algorithm", "the default"],
    seed: ["PYTHONHASHSEED", "none"],
    chunkSize: ["chunk size", "256"],
    pageSize: ["page size", "none"],
    release: ["hashes of LMCache", "0.4.6"],
    python: ["Python", "3.12"],
    extraKey: ["extra key", "none"],
    cacheSalt: ["cache salt", "none"],
  };

function changesInWords({ changed }: Alternative, flags: KeysFlags | undefined): string[] {
  return Object.entries(changed).map(([name, value]) => {
    const key = name as keyof KeysFlags;
    const [word, by] = changeNames[key] ?? [name, "none"];
    const asked = flags?.[key];
    return `${word} ${value ?? by} instead of ${typeof asked === "string" ? asked : by}`;
  });
}

/** The flags of `keepwarm keys` that make these keys. */
export function flagsInWords({ changed }: Alternative): string {
  return Object.entries(changed)
    .map(([name, value]) => {
      const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return value === undefined ? `without --${flag}` : `--${flag} ${value}`;
    })
    .join(" ");
}
