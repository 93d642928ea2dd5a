import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { KeepwarmError } from "../../errors.ts";
import { formatSources, type DebianSource } from "./debian-sources.ts";
import { run } from "./run.ts";

export interface FetchOptions {
  readonly packages: readonly string[];
  readonly sources: readonly DebianSource[];
  /** Suite to prefer over the release. */
  readonly suite?: string;
}

const status = "/var/lib/dpkg/status";

async function writeAptState(
  home: string,
  sources: readonly DebianSource[],
  packages: readonly string[],
): Promise<void> {
  await mkdir(join(home, "lists", "partial"), { recursive: true });
  await mkdir(join(home, "archives", "partial"), { recursive: true });
  await writeFile(join(home, "private.sources"), formatSources(sources));
  // What is wanted counts as not installed, so that it is downloaded whole in any case.
  const installed = (await readFile(status, "utf8").catch(() => ""))
    .split("\n\n")
    .filter((stanza) => !packages.includes(/^Package: (.*)$/m.exec(stanza)?.[1] ?? ""));
  await writeFile(join(home, "status"), installed.join("\n\n"));
  await writeFile(join(home, "apt.conf"), aptConfiguration(home));
}

/** Everything apt would read or write elsewhere, and the machine's hooks, switched off. */
function aptConfiguration(home: string): string {
  const hooks = [
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Install-Pkgs",
    "DPkg::Post-Invoke",
  ];
  const settings = {
    "Dir::State": home,
    "Dir::State::lists": join(home, "lists"),
    "Dir::State::status": join(home, "status"),
    "Dir::Cache": home,
    "Dir::Cache::archives": join(home, "archives"),
    "Dir::Etc::SourceList": join(home, "private.sources"),
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::Etc::Preferences": "/dev/null",
    "Dir::Etc::PreferencesParts": "/dev/null",
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "true",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
  };
  return [
    ...hooks.map((hook) => `#clear ${hook};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
    "",
  ].join("\n");
}

/**
 * Downloads packages, and the libraries they need that the machine lacks, to `home`/archives with
 * an apt whose whole state is in `home`.
 *
 * @throws KeepwarmError `NOT_FOUND` with apt's own reasons.
 */
export async function fetchPackages(
  home: string,
  { packages, sources, suite }: FetchOptions,
): Promise<void> {
  await writeAptState(home, sources, packages);
  const config = ["-q", "-c", join(home, "apt.conf")];
  const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  const update = await run("apt-get", [...config, "update"], { env });
  const install = await run(
    "apt-get",
    [
      ...config,
      "install",
      "--yes",
      "--download-only",
      "--no-install-recommends",
      ...(suite === undefined ? [] : ["-t", suite]),
      ...packages,
    ],
    { env },
  );
  if (install.code === 0) return;
  const reasons = `${update.stderr}\n${install.stderr}`
    .split("\n")
    .filter((line) => /^[EW]: /.test(line));
  throw new KeepwarmError(
    "NOT_FOUND",
    `apt-get cannot fetch ${packages.join(", ")}: ${reasons.slice(0, 4).join("; ") || "no reason given"}`,
    { remedy: `Check the network, or install them: apt-get install ${packages.join(" ")}` },
  );
}
