import type { ManagerOptions } from "../../metrics-channel/manager/options.ts";
import { ServerManager } from "../../metrics-channel/manager/server-manager.ts";
import { startFrontInProcess } from "./in-process-front.ts";

/**
 * Sees to it that there is a Valkey server: uses the one at its endpoint if that answers PING; else, on
 * loopback only, starts `valkey-server` or `redis-server` from PATH there, and where neither is, Keepwarm's
 * own RESP front in this process. What it starts keeps nothing on disk and ends with this process,
 * also when that is killed. What is left out is taken from `VALKEY_HOST`, `_PORT`, `_DB` and
 * `_PASSWORD`, or the same with `REDIS`.
 *
 * @example
 * ```ts
 * await using manager = new ValkeyManager({ host: "127.0.0.1", port: 6379, db: 0 });
 * await manager.start();
 * const channel = manager.openChannel();
 * ```
 */
export class ValkeyManager extends ServerManager {
  static #own: ValkeyManager | undefined;

  /** @throws KeepwarmError `INPUT_INVALID`, `CONFIG_INVALID` (the environment) */
  constructor(options: ManagerOptions = {}) {
    super("VALKEY", ["valkey-server", "redis-server"], options, startFrontInProcess);
  }

  /**
   * Starts the one manager of this process, with `options` the first time.
   *
   * @throws As `start` of an instance
   */
  static async start(options: ManagerOptions = {}): Promise<ValkeyManager> {
    const own = (ValkeyManager.#own ??= new ValkeyManager(options));
    await own.start();
    return own;
  }

  /** Ends what the manager of this process has started. */
  static async stop(): Promise<void> {
    const own = ValkeyManager.#own;
    ValkeyManager.#own = undefined;
    await own?.stop();
  }
}
