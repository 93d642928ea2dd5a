import { ServerProcess } from "../../src/testing/servers/process.ts";

/** A child that listens on 127.0.0.1; disposing ends it. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** Servers by name that stay up together and end together, also when the bench is interrupted. */
export class RunningServers extends Map<string, RunningServer> implements AsyncDisposable {
  readonly #interrupted = (): void => {
    void this[Symbol.asyncDispose]().then(() => process.exit(130));
  };

  constructor() {
    super();
    process.on("SIGINT", this.#interrupted).on("SIGTERM", this.#interrupted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.values()].map((server) => server[Symbol.asyncDispose]()));
    process.off("SIGINT", this.#interrupted).off("SIGTERM", this.#interrupted);
  }
}

export interface AnnouncedServer {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  /** The port in a line of its output, or `undefined` if the line is another one. */
  readonly portOf: (line: string) => number | undefined;
  /** Given each line of its output, also after the start. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** Starts a server that announces its port in its output, and waits for that. */
export async function startAnnounced(server: AnnouncedServer): Promise<RunningServer> {
  const { name, path, args, portOf, onLine } = server;
  let port: number | undefined;
  const child = new ServerProcess(
    name,
    { path, env: process.env },
    {
      args,
      onLine: (line) => {
        port ??= portOf(line);
        onLine?.(line);
      },
    },
  );
  try {
    return {
      port: await child.until(async () => port),
      pid: child.pid,
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
