/** A flag of `keepwarm serve` and the setting it sets. */
export interface ServeFlag {
  /** As commander reads it: `--ram-size <size>`. */
  readonly flag: string;
  /** Dotted path of the setting. */
  readonly path: string;
  readonly help: string;
  /** May be given several times; the setting is a list. */
  readonly repeatable?: boolean;
  /** Not in this version yet: accepted, to say so, but not offered. */
  readonly hidden?: boolean;
}

const notYet = "not in this version yet";

/** Flags of `keepwarm serve`, in the order of its help. Everything else is set in the file. */
export const serveFlags: readonly ServeFlag[] = [
  { flag: "--resp-host <address>", path: "resp.host", help: "address of the RESP listener" },
  { flag: "--resp-port <port>", path: "resp.port", help: "its port; 0 picks a free one" },
  { flag: "--lm-host <address>", path: "lm.host", help: "address of the lm:// listener" },
  { flag: "--lm-port <port>", path: "lm.port", help: "its port, such as 65432; default off" },
  { flag: "--http-port <port>", path: "http.port", help: notYet, hidden: true },
  { flag: "--ram-size <size>", path: "ram.size", help: 'memory for blocks, such as "8GiB"' },
  { flag: "--ram-max-blocks <n>", path: "ram.maxBlocks", help: "most blocks in RAM; 0 no limit" },
  { flag: "--ram-grace <duration>", path: "ram.graceMs", help: "spare keys just reported present" },
  { flag: "--policy <name>", path: "ram.policy", help: "eviction policy: lru or s3fifo" },
  { flag: "--ssd-dir <dir>", path: "ssd.dir", help: "directory for blocks on disk; off without" },
  { flag: "--ssd-size <size>", path: "ssd.size", help: "most bytes of that disk" },
  { flag: "--ssd-max-blocks <n>", path: "ssd.maxBlocks", help: "most blocks on disk; 0 no limit" },
  {
    flag: "--ssd-write <mode>",
    path: "ssd.write",
    help: "when blocks go to disk: through, selective or back",
  },
  {
    flag: "--remote <url>",
    path: "remote",
    help: "store on another machine, such as valkey://host:6379; may be repeated",
    repeatable: true,
  },
  { flag: "--durability <mode>", path: "durability", help: "none, async or fsync" },
  { flag: "--requirepass <password>", path: "auth.password", help: "password of the default user" },
  { flag: "--tls-cert <file>", path: "tls.cert", help: "PEM certificate chain; turns TLS on" },
  { flag: "--tls-key <file>", path: "tls.key", help: "PEM private key" },
  { flag: "--tls-ca <file>", path: "tls.ca", help: "PEM authority of client certificates (mTLS)" },
  {
    flag: "--tls-clients <mode>",
    path: "tls.clients",
    help: "client certificates: required or optional",
  },
  { flag: "--cluster-mode", path: "cluster.enabled", help: "answer as a cluster of one node" },
  { flag: "--max-clients <n>", path: "limits.clients", help: "most clients connected at once" },
  { flag: "--max-value <size>", path: "limits.valueBytes", help: "longest value accepted" },
  { flag: "--idle-timeout <duration>", path: "limits.idleMs", help: "close idle clients; 0 never" },
  { flag: "--slowlog-us <n>", path: "slowlog.thresholdUs", help: "slow log threshold in us" },
  {
    flag: "--log-level <level>",
    path: "log.level",
    help: "trace, debug, info, warn, error, silent",
  },
  { flag: "--log-format <format>", path: "log.format", help: "auto, text or json" },
  { flag: "--no-protected", path: "protected", help: "allow binding beyond loopback without auth" },
];

/** Values of serve flags by camel-cased flag name (`ramSize`), as commander collects them. */
export type FlagValues = Readonly<Record<string, unknown>>;

/** `--ram-size <size>` → `ramSize`; `--no-protected` → `protected`. */
export function flagName(flag: string): string {
  return longFlag(flag)
    .replace(/^--(no-)?/, "")
    .replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** `--ram-size <size>` → `--ram-size`. */
export function longFlag(flag: string): string {
  return flag.split(" ", 1)[0];
}
