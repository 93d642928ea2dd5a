import type { ProcessExit, ServerProcess } from "./process.ts";

/** A running throw-away server. `await using` or `stop()` ends it and removes its files. */
export interface RunningServer extends AsyncDisposable {
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** The process itself: its log, its end, signals. */
  readonly process: ServerProcess;
  stop(): Promise<ProcessExit>;
}
