import { describe, it } from "vitest";
import { describeBlockStore } from "../../../src/testing/contract-suite.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";

for (const policy of ["lru", "s3fifo"] as const)
  describeBlockStore(`RAM (${policy})`, { describe, it }, async () => {
    const clock = new FakeClock();
    const store = new RamStore({ capacityBytes: 16 * 1024 ** 2, policy, clock });
    return { store, advance: (ms) => clock.advance(ms) };
  });
