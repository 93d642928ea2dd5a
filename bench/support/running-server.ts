import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, connect, type AddressInfo } from "node:net";
import { KeepwarmError } from "../../src/errors.ts";

const startDeadlineMs = 15_000;
const logLimit = 8_192;

/** A child that listens on loopback. */
export class RunningServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Ends the process: politely, and after 5 s not. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await gone;
    clearTimeout(timer);
  }
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

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Given each line of output, also after the start. */
  readonly onLine?: (line: string) => void;
}

/**
 * Starts a server that announces its port in its output.
 *
 * @param portOf the port in a line of output, or `undefined` if the line is another one
 * @throws KeepwarmError `CONNECTION_FAILED` with the end of its output when it ends or says nothing
 */
export async function startAnnounced(
  command: ServerCommand,
  portOf: (line: string) => number | undefined,
): Promise<RunningServer> {
  const child = launch(command);
  let log = "";
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      child.kill("SIGKILL");
      reject(startFailure(command.name, what, log));
    };
    const timer = setTimeout(() => fail("did not get ready in time"), startDeadlineMs);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`ended with ${code ?? signal}`));
    onLines(child, (line) => {
      command.onLine?.(line);
      log = `${log}${line}\n`.slice(-logLimit);
      const port = portOf(line);
      if (port === undefined) return;
      clearTimeout(timer);
      child.removeAllListeners("exit");
      resolve(new RunningServer(child, port));
    });
  });
}

/** Starts a server on a port that it is told, and waits until the port accepts. */
export async function startOnFreePort(
  command: Omit<ServerCommand, "args"> & { readonly args: (port: number) => readonly string[] },
): Promise<RunningServer> {
  const port = await freePort();
  const child = launch({ ...command, args: command.args(port) });
  let log = "";
  let failure: string | undefined;
  child.once("error", (error) => (failure = error.message));
  child.once("exit", (code, signal) => (failure = `ended with ${code ?? signal}`));
  onLines(child, (line) => (log = `${log}${line}\n`.slice(-logLimit)));
  for (const deadline = Date.now() + startDeadlineMs; Date.now() < deadline;) {
    if (failure !== undefined) break;
    if (await accepts(port)) return new RunningServer(child, port);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGKILL");
  throw startFailure(command.name, failure ?? "did not get ready in time", log);
}

function launch({ command, args, env }: ServerCommand): ChildProcess {
  const stdio = ["ignore", "pipe", "pipe"] as const;
  return spawn(command, args, { stdio: [...stdio], env: { ...process.env, ...env } });
}

function onLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout!, child.stderr!]) {
    let rest = "";
    stream.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) onLine(line);
    });
  }
}

function startFailure(name: string, what: string, log: string): KeepwarmError {
  return new KeepwarmError("CONNECTION_FAILED", `${name} ${what}\n${log}`.trimEnd());
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
