import type { Client } from "../driver.ts";

/** What a behaviour works with: the suite's connection, and more of them on request. */
export interface Context {
  readonly client: Client;
  /** Another connection to the same server, closed after the suite. */
  another(): Promise<Client>;
}
