import { formatCount } from "../../util/units.ts";
import { showKey } from "../render/key.ts";
import { plural } from "../render/plural.ts";
import type { VerbContext } from "../verb.ts";
import type { Chunk } from "./chunk.ts";
import type { Diagnosis, Evidence } from "./diagnosis.ts";
import type { Finding } from "./finding.ts";
import { chunkRuns } from "./runs.ts";
import { fateInWords, flagsInWords, sightingInWords } from "./words.ts";

/** Most other names that people are shown. */
const MOST_SIGHTINGS = 10;

/** One sentence, what to do, and tables of chunks and of other names; or all of it as JSON. */
export function report({ out }: VerbContext, evidence: Evidence, diagnosis: Diagnosis): void {
  out.result(asJson(evidence, diagnosis), () => {
    const { sentence, remedy } = diagnosis;
    const parts = [`${sentence[0].toUpperCase()}${sentence.slice(1)}.`];
    if (remedy !== undefined) parts.push(remedy);
    return `${parts.join("\n")}\n\n${chunkTable(out, evidence)}${sightingTable(out, evidence)}`;
  });
  const { search, chunks } = evidence;
  if (search === undefined) return;
  const [most, ...fewer] = search.models;
  if (search.truncated)
    out.note(`only ${formatCount(search.scanned)} stored keys were looked through (--scan-limit)`);
  else if (search.scanned === 0) out.note("nothing is stored in this database");
  else if (most !== undefined && !search.models.some(([model]) => model === chunks[0].facts.model))
    out.note(
      `no block of ${chunks[0].facts.model ?? "this kind"} is stored, but of ${most[0]}${fewer.length === 0 ? "" : ` and ${plural(fewer.length, "other model")}`}`,
    );
}

function chunkTable(out: VerbContext["out"], { chunks, findings, now }: Evidence): string {
  const runs = chunkRuns(findings, kindOf);
  const columns = [
    { title: "CHUNKS" },
    { title: "TOKENS" },
    { title: "STATE" },
    { title: "WHERE OR WHY" },
    { title: "FIRST KEY" },
  ];
  return out.table(
    columns,
    runs.map(({ from, to }) => [
      from === to ? `${from + 1}` : `${from + 1}-${to + 1}`,
      chunks[from].start === undefined ? "-" : `${chunks[from].start}-${chunks[to].end! - 1}`,
      findings[from].state,
      whyOf(findings[from], now),
      showKey(keyOf(chunks[from], findings[from])),
    ]),
  );
}

function sightingTable(out: VerbContext["out"], { search, flags }: Evidence): string {
  const sightings = search?.sightings ?? [];
  if (sightings.length === 0) return "";
  const columns = [
    { title: "STORED WITH" },
    { title: "KEYS", align: "right" },
    { title: "ONE OF THEM" },
  ] as const;
  const rows = sightings
    .slice(0, MOST_SIGHTINGS)
    .map((sighting) => [
      sightingInWords(sighting, flags),
      formatCount(sighting.keys),
      showKey(sighting.key),
    ]);
  return `\n${out.table(columns, rows)}`;
}

/** What neighbours must have in common to share a row: when they left need not be the same. */
function kindOf(finding: Finding): string {
  const { state } = finding;
  if (state === "found") return `${state} ${finding.tiers.join(" ")}`;
  const { fate } = finding;
  return `${state} ${fate.state} ${fate.state === "left" ? `${fate.tier} ${fate.reason}` : ""}`;
}

function whyOf(finding: Finding, now: number): string {
  if (finding.state === "found") return finding.tiers.join(", ") || "there";
  return fateInWords(finding.fate, now);
}

function keyOf(chunk: Chunk, finding: Finding): Buffer {
  return finding.state === "half"
    ? finding.missing
    : finding.state === "found"
      ? finding.key
      : chunk.name;
}

function asJson({ chunks, findings, search, flags }: Evidence, diagnosis: Diagnosis): object {
  return {
    ...diagnosis,
    total: chunks.length,
    found: findings.filter(({ state }) => state === "found").length,
    chunks: findings.map((finding, index) => {
      const { name, start, end } = chunks[index];
      const { key, state, ...rest } = finding;
      return {
        ...(start !== undefined && { start, end }),
        name: showKey(name),
        state,
        key: showKey(key),
        ...rest,
        ...("missing" in rest && { missing: showKey(rest.missing) }),
      };
    }),
    ...(search && {
      scanned: search.scanned,
      truncated: search.truncated,
      others: search.sightings.map((sighting) => ({
        words: sightingInWords(sighting, flags),
        ...(sighting.alternative && {
          family: sighting.alternative.family,
          flags: flagsInWords(sighting.alternative),
        }),
        differences: sighting.differences,
        key: showKey(sighting.key),
        keys: sighting.keys,
      })),
    }),
  };
}
