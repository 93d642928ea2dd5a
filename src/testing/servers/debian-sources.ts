/** One entry of a machine's apt sources, as far as it is needed to write it again. */
export interface DebianSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Other fields, such as `Signed-By` (a path or an inline key) and `Trusted`, as written. */
  readonly options: Readonly<Record<string, string>>;
}

const keptOptions = ["Signed-By", "Trusted", "Architectures"];

/** Reads a `*.sources` file (deb822: stanzas of `Field: value`, continued by indented lines). */
export function parseSourcesFile(text: string): DebianSource[] {
  const sources: DebianSource[] = [];
  for (const stanza of text.replaceAll(/^#.*\n?/gm, "").split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    for (const [, name, value] of stanza.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t]+.*)*)/gm))
      fields.set(name.toLowerCase(), value.trim());
    const words = (name: string) => (fields.get(name) ?? "").split(/\s+/).filter(Boolean);
    if (!words("types").includes("deb") || fields.get("enabled")?.toLowerCase() === "no") continue;
    const options: Record<string, string> = {};
    for (const name of keptOptions) {
      const value = fields.get(name.toLowerCase());
      if (value !== undefined) options[name] = value;
    }
    sources.push({
      uris: words("uris"),
      suites: words("suites"),
      components: words("components"),
      options,
    });
  }
  return sources;
}

/** Reads a `*.list` file (one `deb [option=value ...] uri suite component...` a line). */
export function parseListFile(text: string): DebianSource[] {
  const sources: DebianSource[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (!match) continue;
    const [, optionText = "", uri, suite, components] = match;
    const options: Record<string, string> = {};
    for (const [, name, value] of optionText.matchAll(/([\w-]+)=(\S+)/g)) {
      const kept = keptOptions.find(
        (k) => k.toLowerCase() === name || (k === "Architectures" && name === "arch"),
      );
      if (kept !== undefined) options[kept] = value.replaceAll(",", " ");
    }
    sources.push({
      uris: [uri],
      suites: [suite],
      components: components.split(/\s+/).filter(Boolean),
      options,
    });
  }
  return sources;
}

/**
 * The release's own entries, narrowed to it and its updates, so that a broken third-party source
 * does not matter; with `backports`, also that suite from wherever the release itself comes from.
 */
export function releaseSources(
  sources: readonly DebianSource[],
  codename: string,
  { backports = false } = {},
): DebianSource[] {
  const own = new Set(["", "-updates", "-security", "/updates"].map((suffix) => codename + suffix));
  return sources
    .map((source) => {
      const suites = source.suites.filter((suite) => own.has(suite));
      if (backports && suites.includes(codename)) suites.push(`${codename}-backports`);
      return { ...source, suites };
    })
    .filter(({ suites, components }) => suites.length > 0 && components.includes("main"));
}

/** The text of a `*.sources` file that fetches package lists only (no icons, no translations). */
export function formatSources(sources: readonly DebianSource[]): string {
  return sources
    .map(({ uris, suites, components, options }) =>
      [
        "Types: deb",
        `URIs: ${uris.join(" ")}`,
        `Suites: ${[...new Set(suites)].join(" ")}`,
        `Components: ${components.join(" ")}`,
        "Targets: Packages",
        ...Object.entries(options).map(([name, value]) => `${name}: ${value}`),
        "",
      ].join("\n"),
    )
    .join("\n");
}
