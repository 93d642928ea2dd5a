import { parseArgs } from "node:util";

import { isKeepwarmError, KeepwarmError } from "../../src/errors.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { parseTargetKind, startTarget, targetKinds, type TargetKind } from "../support/target.ts";
import type { Check, Peer } from "./peer.ts";
import { peers, peersNamed } from "./peers.ts";
import { formatReport, formatTally } from "./report.ts";

const usage = `Usage: npm run interop -- [PEER...] [--target KIND] [--python COMMAND]

Runs foreign software against Keepwarm and ends with the line "N passed, N failed".

Peers (default: all; "lmcache" is all that begin with it)
${Object.entries(peers)
  .map(([name, { summary }]) => `  ${name.padEnd(16)} ${summary}`)
  .join("\n")}

Options
  --target KIND     ${targetKinds.join(", ")}: what to run against (default keepwarm);
                    a real server proves the checks themselves
  --python COMMAND  the Python 3.9 or newer that makes the environments (default python3)
  --help            this text

Exit codes: 0 all passed, 1 a check failed or a peer could not be run, 64 usage

Examples: npm run interop -- clients --target redis
          npm run interop -- lmcache
          npm run interop -- lmcache-resp lmcache-valkey`;

async function main(): Promise<number> {
  let wanted: Peer[];
  let target: TargetKind;
  let python: string;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        target: { type: "string", default: "keepwarm" },
        python: { type: "string", default: "python3" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    target = parseTargetKind(values.target);
    python = values.python;
    wanted = [
      ...new Set((positionals.length === 0 ? Object.keys(peers) : positionals).flatMap(found)),
    ];
  } catch (error) {
    return fail(error, 64);
  }

  const checks: Check[] = [];
  let outcome = 0;
  for (const peer of wanted) {
    try {
      await runPeer(peer, target, python, checks);
    } catch (error) {
      outcome = fail(error, 1);
    }
  }
  console.log(formatReport(checks));
  console.log(formatTally(checks));
  return checks.every(({ passed }) => passed) ? outcome : 1;
}

function found(name: string): readonly Peer[] {
  const named = peersNamed(name);
  if (named.length > 0) return named;
  throw new KeepwarmError("NOT_FOUND", `${JSON.stringify(name)} is not a peer`, {
    remedy: `Peers are ${Object.keys(peers).join(", ")}.`,
  });
}

async function runPeer(
  peer: Peer,
  target: TargetKind,
  python: string,
  checks: Check[],
): Promise<void> {
  const servers: RunningServer[] = [];
  const results = peer.run({
    target,
    python,
    async start(args) {
      const server = await startTarget(target, args);
      servers.push(server);
      return server;
    },
    progress: (text) => process.stderr.write(`interop: ${text}\n`),
  });
  try {
    for await (const check of results) {
      checks.push(check);
      const { variant, name, passed } = check;
      if (!passed) process.stderr.write(`interop: FAIL ${variant}: ${name}\n`);
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

function fail(error: unknown, code: number): number {
  const known = isKeepwarmError(error) || (error instanceof Error && "code" in error);
  if (!known) throw error;
  process.stderr.write(`interop: ${error.message}\n`);
  if (isKeepwarmError(error) && error.remedy !== undefined)
    process.stderr.write(`${error.remedy}\n`);
  return code;
}

process.exitCode = await main();
