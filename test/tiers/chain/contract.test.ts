import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { describeBlockStore } from "../../../src/testing/contract-suite.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { writeModes } from "../../../src/tiers/chain/write-policy.ts";
import { LocalStore } from "../../../src/tiers/local-store.ts";

const MiB = 1024 ** 2;

for (const writeMode of writeModes)
  for (const ramMiB of [4, 64])
    describeBlockStore(`RAM of ${ramMiB} MiB and SSD, ${writeMode}`, { describe, it }, async () => {
      const directory = await mkdtemp(join(tmpdir(), "keepwarm-chain-"));
      const clock = new FakeClock();
      const store = await LocalStore.open({
        ram: { capacityBytes: ramMiB * MiB, clock },
        ssd: { directory, capacityBytes: 64 * MiB, segmentBytes: 8 * MiB },
        writeMode,
      });
      return {
        store,
        advance: (ms) => clock.advance(ms),
        cleanUp: () => rm(directory, { recursive: true }),
      };
    });
