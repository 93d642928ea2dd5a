import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { describeBlockStore } from "../../../src/testing/contract-suite.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { SsdStore } from "../../../src/tiers/ssd/ssd-store.ts";

const MiB = 1024 ** 2;

for (const direct of ["auto", "off"] as const)
  for (const durability of ["none", "async", "fsync"] as const)
    describeBlockStore(`SSD (${direct}, ${durability})`, { describe, it }, async () => {
      const directory = await mkdtemp(join(tmpdir(), "keepwarm-ssd-"));
      const clock = new FakeClock();
      const store = await SsdStore.open({
        directory,
        capacityBytes: 64 * MiB,
        segmentBytes: 8 * MiB,
        direct,
        durability,
        clock,
      });
      return {
        store,
        advance: (ms) => clock.advance(ms),
        cleanUp: () => rm(directory, { recursive: true }),
      };
    });
