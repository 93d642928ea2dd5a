import { formatCount } from "../../util/units.ts";
import type { KeysFlags } from "../keys/flags.ts";
import { showKey } from "../render/key.ts";
import { plural } from "../render/plural.ts";
import type { Chunk } from "./chunk.ts";
import type { Finding } from "./finding.ts";
import type { Search, Sighting } from "./search.ts";
import { fateInWords, sightingInWords } from "./words.ts";

/** Why a chain ends where it does, in one word. */
type Reason =
  | "found"
  | "half"
  | "evicted"
  | "expired"
  | "removed"
  | "dropped"
  | "other-name"
  | "other-hash"
  | "cleared"
  | "never-stored";

export interface Diagnosis {
  readonly reason: Reason;
  /** Number of the first chunk that is not there whole; nothing when all are. */
  readonly diverges?: number;
  /** For people. */
  readonly sentence: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** What is known when the diagnosis is made. */
export interface Evidence {
  readonly chunks: readonly Chunk[];
  readonly findings: readonly Finding[];
  /** A look at what else is stored; absent when all is there, or it was not wanted. */
  readonly search?: Search | undefined;
  readonly flags?: KeysFlags | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const remedies: Readonly<Partial<Record<Reason, string>>> = {
  half: "Readers drop such a pair and store it again; if it comes back, look for a client that deletes single keys.",
  evicted: "Give the tier more room (ram.size, ssd.size), or pin what must stay.",
  expired: "Store it with a longer time, or without one.",
  removed: "Find out who deletes: MONITOR and CLIENT LIST show commands and clients.",
  dropped: "Give RAM more room (ram.size), or let clients wait longer (limits.roomWaitMs).",
  "other-name": "Let all engines that share a store run with the same model name, dtype and ranks.",
  "other-hash":
    "Let all engines that share a store run with the same PYTHONHASHSEED, hash algorithm, chunk size and release.",
};

/** The first chunk that is not there, and the likeliest reason: what is certain before what is found. */
export function diagnose(evidence: Evidence): Diagnosis {
  const { chunks, findings } = evidence;
  const at = findings.findIndex(({ state }) => state !== "found");
  if (at < 0)
    return { reason: "found", sentence: `all ${plural(chunks.length, "chunk")} are there` };
  const [reason, why] = whyMissing(findings[at], evidence);
  const remedy = remedies[reason];
  const after = findings.slice(at + 1).filter(({ state }) => state === "found").length;
  const behind =
    after === 0 ? "" : `; ${formatCount(after)} behind it are there, of no use without it`;
  return {
    reason,
    diverges: at,
    sentence: `${nameOf(chunks, at)} is the first that is missing: it ${why}${behind}`,
    ...(remedy !== undefined && { remedy }),
  };
}

function nameOf(chunks: readonly Chunk[], at: number): string {
  const { start, end } = chunks[at];
  const tokens = start === undefined ? "" : ` (tokens ${start} to ${end! - 1})`;
  return `chunk ${formatCount(at + 1)} of ${formatCount(chunks.length)}${tokens}`;
}

function whyMissing(finding: Finding, { search, flags, now }: Evidence): [Reason, string] {
  if (finding.state === "found") throw new TypeError("a chunk that was found is not missing");
  const { fate } = finding;
  const other = finding.state === "half" ? showKey(finding.missing) : "";
  const end = fateInWords(fate, now);
  if (finding.state === "half")
    return ["half", `is stored only half: ${showKey(finding.key)} is there, and ${other} ${end}`];
  if (fate.state === "left") return [reasonOf(fate.reason), end];
  const sighting = search?.sightings[0];
  if (sighting)
    return [kindOf(sighting), `is stored under another name: ${sightingInWords(sighting, flags)}`];
  return [fate.state === "cleared" ? "cleared" : "never-stored", end];
}

function reasonOf(reason: string): Reason {
  if (reason === "demoted") return "evicted";
  return (
    (["evicted", "expired", "removed", "dropped"] as const).find((known) => known === reason) ??
    "removed"
  );
}

function kindOf({ alternative }: Sighting): Reason {
  return alternative === undefined ? "other-name" : "other-hash";
}
