import { formatBytes, formatCount, formatRatio } from "../../util/units.ts";
import { version } from "../../util/version.ts";
import { serversOf } from "../server/remote-facts.ts";
import { isOnDisk, type Snapshot } from "../server/snapshot.ts";
import type { Findings } from "./finding.ts";

/** Of what was stored, the share that left for want of room from which on the store is too small. */
const pressure = 0.5;
const full = 0.9;

/** What a Keepwarm server says of its own state. */
export function checkKeepwarm(snapshot: Snapshot, found: Findings): void {
  checkVersion(snapshot, found);
  for (const tier of snapshot.tiers.filter(isOnDisk)) {
    if (tier.alarm !== "")
      found.problem(
        "alarm",
        `${tier.directory}: ${tier.alarm}`,
        "See to that disk; until then blocks are kept in RAM only.",
      );
    else found.ok("alarm", `none of ${tier.directory}`);
    const { segments, segmentsDone } = tier.load;
    if (!tier.load.done)
      found.hint(
        "loading",
        `reads its index from the disk: ${formatCount(segmentsDone)} of ${formatCount(segments)} segments`,
        "Wait: until it is done, some blocks on disk are misses.",
      );
  }
  checkPressure(snapshot, found);
  checkClients(snapshot, found);
  checkRemotes(snapshot, found);
}

function checkRemotes({ remotes = [] }: Snapshot, found: Findings): void {
  for (const remote of remotes) {
    const { name, dropped, failedWrites } = remote;
    const silent = serversOf(remote).filter(({ breaker }) => breaker === "open");
    for (const { url, lastError } of silent)
      found.problem(
        "remote",
        `its store ${url} does not answer: ${lastError ?? "no reason known"}`,
        `\`keepwarm doctor ${url}\` on that machine tells more.`,
      );
    if (dropped + failedWrites > 0)
      found.hint(
        "remote",
        `${formatCount(dropped)} writes to its store ${name} were dropped and ${formatCount(failedWrites)} failed`,
        "Run `keepwarm doctor` with the URL of that store.",
      );
    else if (silent.length === 0) found.ok("remote", `${name}: all writes arrive`);
  }
}

function checkVersion({ version: theirs }: Snapshot, found: Findings): void {
  if (theirs === version) found.ok("version", `Keepwarm ${theirs}`);
  else
    found.hint(
      "version",
      `Keepwarm ${theirs}, and this is ${version}`,
      "Install the same version on both.",
    );
}

/** The last tier is where blocks leave for good. */
function checkPressure({ tiers }: Snapshot, found: Findings): void {
  const last = tiers.at(-1);
  if (last === undefined) return;
  const stored = last.stored ?? 0;
  const used = `${formatBytes(last.usedBytes)} of ${formatBytes(last.capacityBytes)} used in ${last.name}`;
  const isFull = last.capacityBytes > 0 && last.usedBytes > full * last.capacityBytes;
  if (isFull && stored > 0 && last.evicted > pressure * stored)
    found.hint(
      "eviction",
      `${used}, and ${formatRatio(last.evicted, stored)} of what was stored has left for want of room`,
      tiers.length === 1
        ? "Give it more memory (`ram.size`), or a disk (`ssd.dir`)."
        : "Give it more disk (`ssd.size`).",
    );
  else found.ok("eviction", used);
}

function checkClients({ clients }: Snapshot, found: Findings): void {
  const { connected, max, rejected } = clients;
  if (rejected > 0)
    found.hint(
      "clients",
      `${formatCount(rejected)} connections were refused; ${formatCount(connected)} of ${formatCount(max)} are open`,
      "Raise `limits.clients`.",
    );
}
