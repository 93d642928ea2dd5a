// Starts a server and prints its process id and folder; then hangs ("hang") or has nothing more to do.
import { readlinkSync } from "node:fs";
import { ValkeyManager } from "../../../src/config/managers/valkey-manager.ts";

const manager = await ValkeyManager.start({ host: "127.0.0.1", port: 0 });
console.log(
  JSON.stringify({
    pid: manager.pid,
    port: manager.port,
    servedBy: manager.servedBy,
    folder: manager.pid === undefined ? "" : readlinkSync(`/proc/${manager.pid}/cwd`),
  }),
);
if (process.argv[2] === "hang") setInterval(() => {}, 1000);
