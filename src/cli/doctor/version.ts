import type { Findings } from "./finding.ts";
import type { ServerFacts } from "./server-facts.ts";

/** First versions whose IO threads carry replies as well as requests well. */
const threaded: Readonly<Record<ServerFacts["product"], number>> = { valkey: 8, redis: 8 };

export function checkVersion({ product, version, settings }: ServerFacts, found: Findings): void {
  const name = `${product === "valkey" ? "Valkey" : "Redis"} ${version}`;
  const major = Number.parseInt(version, 10);
  if (major < 6)
    found.problem("version", `${name} is out of support`, "Install Valkey 8 or newer.");
  else if (major < threaded[product])
    found.hint(
      "version",
      `${name} moves big values with one thread's worth of speed`,
      "Install Valkey 8 or newer, which moves them several times as fast with IO threads.",
    );
  else found.ok("version", name);
  if (settings.get("io-threads") === "1")
    found.hint(
      "io threads",
      "one thread reads and writes all sockets",
      "Start it with `--io-threads 4` if its machine has cores to spare.",
    );
}
