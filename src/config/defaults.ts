import { totalmem } from "node:os";

const GiB = 1024 ** 3;
const MiB = 1024 ** 2;

/** A quarter of the memory this process may use (the container's limit counts), at most 8 GiB. */
export function defaultRamBytes(
  machineBytes: number = totalmem(),
  constrainedBytes: number = process.constrainedMemory(),
): number {
  const limit = constrainedBytes > 0 ? Math.min(machineBytes, constrainedBytes) : machineBytes;
  return Math.min(8 * GiB, Math.floor(limit / 4 / MiB) * MiB);
}
