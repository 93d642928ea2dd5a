import { Histogram } from "../../observe/histogram.ts";
import type { Request } from "../../wire/resp/request.ts";
import type { Session } from "./session.ts";

export type CommandFlag =
  /** Changes what is stored. */
  | "write"
  /** Reads what is stored. */
  | "readonly"
  /** Answers in constant time. */
  | "fast"
  /** For operators: users with limits may not use it. */
  | "admin"
  /** Allowed before authentication. */
  | "noauth"
  /** Runs at once inside a transaction instead of being queued. */
  | "immediate"
  /** May not appear in a transaction. */
  | "nomulti";

type CommandGroup =
  | "connection"
  | "string"
  | "generic"
  | "list"
  | "hash"
  | "transactions"
  | "server"
  | "cluster"
  | "scripting"
  | "keepwarm";

export interface CommandSpec {
  /** In lower case. */
  readonly name: string;
  /** Number of arguments with the name; negative: at least so many. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly group: CommandGroup;
  /** First key, last key (-1: the last argument), step between keys. */
  readonly keys?: readonly [first: number, last: number, step: number];
  readonly summary: string;
  /** Whether argument `index` is a value that can be read straight into a slot; its key comes before. */
  readonly block?: (index: number) => boolean;
  /**
   * How many arguments, from the first on, are keys whose values must be in RAM when the command runs.
   * Default: none. EXEC needs what its commands need.
   */
  readonly values?: (request: Request) => number;
  /** How many are keys that may be on other machines alone: they are asked whether they have them. */
  readonly presence?: (request: Request) => number;
  /** How many are keys of which more is to be known: what other machines alone have comes to RAM first. */
  readonly facts?: (request: Request) => number;
  run(session: Session, request: Request): void;
}

/** A command with what is counted about it. */
export class Command {
  readonly spec: CommandSpec;
  readonly name: string;
  readonly immediate: boolean;
  readonly noAuth: boolean;
  readonly isWrite: boolean;
  /** May need values that lie below RAM. */
  readonly needsValues: boolean;
  /** Other machines may have to be asked first. */
  readonly asksRemotes: boolean;
  readonly latency: Histogram = new Histogram();
  calls = 0;
  /** Refused before it ran. */
  rejected = 0;

  constructor(spec: CommandSpec) {
    this.spec = spec;
    this.name = spec.name;
    this.immediate = spec.flags.includes("immediate");
    this.noAuth = spec.flags.includes("noauth");
    this.isWrite = spec.flags.includes("write");
    this.needsValues = spec.values !== undefined || spec.name === "exec";
    const asks = spec.presence ?? spec.facts;
    this.asksRemotes = this.needsValues || asks !== undefined;
  }

  has(flag: CommandFlag): boolean {
    return this.spec.flags.includes(flag);
  }

  acceptsArity(argc: number): boolean {
    const { arity } = this.spec;
    return arity >= 0 ? argc === arity : argc >= -arity;
  }

  /** Calls `visit` with the argument index of each key. */
  forEachKey(argc: number, visit: (index: number) => void): void {
    const { keys } = this.spec;
    if (keys === undefined) return;
    const [first, last, step] = keys;
    const end = last < 0 ? argc + last : last;
    for (let index = first; index <= end && index < argc; index += step) visit(index);
  }
}
