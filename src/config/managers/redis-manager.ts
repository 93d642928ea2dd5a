import type { ManagerOptions } from "../../metrics-channel/manager/options.ts";
import { ServerManager } from "../../metrics-channel/manager/server-manager.ts";
import { startFrontInProcess } from "./in-process-front.ts";

/**
 * Sees to it that there is a Redis server: uses the one at its endpoint if that answers PING; else, on
 * loopback only, starts `redis-server` or `valkey-server` from PATH there, and where neither is, Keepwarm's
 * own RESP front in this process. What it starts keeps nothing on disk and ends with this process,
 * also when that is killed. What is left out is taken from `REDIS_HOST`, `_PORT`, `_DB` and
 * `_PASSWORD`, or the same with `VALKEY`.
 *
 * @example
 * ```ts
 * await using manager = new RedisManager({ host: "127.0.0.1", port: 6379, db: 0 });
 * await manager.start();
 * const channel = manager.openChannel();
 * ```
 */
export class RedisManager extends ServerManager {
  static #own: RedisManager | undefined;

  /** @throws KeepwarmError `INPUT_INVALID`, `CONFIG_INVALID` (the environment) */
  constructor(options: ManagerOptions = {}) {
    super("REDIS", ["redis-server", "valkey-server"], options, startFrontInProcess);
  }

  /**
   * Starts the one manager of this process, with `options` the first time.
   *
   * @throws As `start` of an instance
   */
  static async start(options: ManagerOptions = {}): Promise<RedisManager> {
    const own = (RedisManager.#own ??= new RedisManager(options));
    await own.start();
    return own;
  }

  /** Ends what the manager of this process has started. */
  static async stop(): Promise<void> {
    const own = RedisManager.#own;
    RedisManager.#own = undefined;
    await own?.stop();
  }
}
