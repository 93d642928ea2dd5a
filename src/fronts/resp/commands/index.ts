import type { CommandSpec } from "../command.ts";
import { clientCommands } from "./client.ts";
import { clusterCommands } from "./cluster.ts";
import { commandCommands } from "./command.ts";
import { configCommands } from "./config.ts";
import { connectionCommands } from "./connection.ts";
import { expiryCommands } from "./expiry.ts";
import { hashCommands } from "./hashes.ts";
import { infoCommands } from "./info.ts";
import { jobCommands } from "./jobs.ts";
import { keepwarmCommands } from "./keepwarm.ts";
import { keyCommands } from "./keys.ts";
import { listCommands } from "./lists.ts";
import { memoryCommands } from "./memory.ts";
import { scanCommands } from "./scan.ts";
import { scriptingCommands } from "./scripting.ts";
import { serverCommands } from "./server.ts";
import { stringCommands } from "./strings.ts";
import { tierCommands } from "./tiers.ts";
import { transactionCommands } from "./transactions.ts";
import { whyCommands } from "./why.ts";

/** Every command of the RESP front. */
export const commandSpecs: readonly CommandSpec[] = [
  ...connectionCommands,
  ...clientCommands,
  ...stringCommands,
  ...keyCommands,
  ...expiryCommands,
  ...scanCommands,
  ...listCommands,
  ...hashCommands,
  ...transactionCommands,
  ...serverCommands,
  ...infoCommands,
  ...configCommands,
  ...memoryCommands,
  ...commandCommands,
  ...clusterCommands,
  ...scriptingCommands,
  ...keepwarmCommands,
  ...tierCommands,
  ...whyCommands,
  ...jobCommands,
];
