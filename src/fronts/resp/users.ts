import { createHash, timingSafeEqual } from "node:crypto";
import { compileGlob } from "../../util/glob.ts";

export interface UserOptions {
  readonly name: string;
  /** In clear, or its SHA-256 as 64 hex digits. Without both, any password will do. */
  readonly password?: string;
  readonly passwordSha256?: string;
  /** Default `"rw"`. */
  readonly access?: "ro" | "rw";
  /** Glob patterns of the keys it may use. Default: all. */
  readonly keys?: readonly string[];
  /** Lets nobody in. Default false. */
  readonly disabled?: boolean;
}

/** Who may do what. */
export class User {
  readonly name: string;
  readonly mayWrite: boolean;
  readonly keyPatterns: readonly string[];
  readonly needsPassword: boolean;
  readonly #disabled: boolean;
  readonly #digest: Buffer | undefined;
  readonly #keyTests: readonly ((key: Uint8Array) => boolean)[];

  constructor(options: UserOptions) {
    this.name = options.name;
    this.mayWrite = options.access !== "ro";
    this.keyPatterns = options.keys ?? ["*"];
    this.#keyTests = this.keyPatterns.map((pattern) => compileGlob(pattern));
    this.#digest =
      options.passwordSha256 === undefined
        ? options.password === undefined || options.password === ""
          ? undefined
          : sha256(options.password)
        : Buffer.from(options.passwordSha256, "hex");
    this.#disabled = options.disabled === true;
    this.needsPassword = this.#disabled || this.#digest !== undefined;
  }

  get mayUseAllKeys(): boolean {
    return this.keyPatterns.includes("*");
  }

  /** No limits at all: what lets the hot path skip every other question. */
  get unlimited(): boolean {
    return this.mayWrite && this.mayUseAllKeys;
  }

  accepts(password: string): boolean {
    if (this.#disabled) return false;
    return this.#digest === undefined || timingSafeEqual(this.#digest, sha256(password));
  }

  mayUseKey(key: Uint8Array): boolean {
    return this.#keyTests.some((test) => test(key));
  }
}

/** The users of a server. There always is one named `default`. */
export class Users {
  readonly #byName = new Map<string, User>();

  /** With named users and no password, nobody gets in as `default`. */
  constructor(password: string | undefined, users: readonly UserOptions[]) {
    this.setDefaultPassword(password);
    for (const options of users) this.#byName.set(options.name, new User(options));
    if (users.length > 0 && password === undefined && !users.some(({ name }) => name === "default"))
      this.#byName.set("default", new User({ name: "default", disabled: true }));
  }

  get default(): User {
    return this.#byName.get("default")!;
  }

  setDefaultPassword(password: string | undefined): void {
    this.#byName.set(
      "default",
      new User(password ? { name: "default", password } : { name: "default" }),
    );
  }

  /** The user when name and password are right. */
  authenticate(name: string, password: string): User | undefined {
    const user = this.#byName.get(name);
    return user?.accepts(password) === true ? user : undefined;
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
