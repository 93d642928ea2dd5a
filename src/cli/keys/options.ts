import { type Command, Option } from "commander";

const hashFlags = [
  ["--hash <name>", "LMCache's hash algorithm (default: builtin, blake3 for lmcache-mp)"],
  ["--chunk-size <n>", "tokens of a chunk (default 256)"],
  ["--page-size <n>", "tokens of a page of HiCache"],
  ["--save-unfull-chunk", "keep a last chunk of fewer tokens"],
  ["--seed <n>", "PYTHONHASHSEED of the engines"],
  ["--release <version>", "LMCache that made the keys: 0.3, 0.4 or 0.4.6 (and later)"],
  ["--python <version>", "Python of the engines (default 3.12)"],
  ["--bigram", "units of two tokens, as HiCache has with EAGLE"],
  ["--extra-key <text>", "what else blocks depend on, such as a LoRA adapter"],
  ["--cache-salt <text>", "salt that keeps tenants apart"],
] as const;

const nameFlags = [
  ["--dtype <name>", "element type in the key, such as bfloat16"],
  ["--world-size <n>", "ranks (default 1)"],
  ["--worker-id <n>", "rank (default 0)"],
  ["--group <n>", "object group of LMCache MP (default 0)"],
  ["--mla", "HiCache keys that all ranks share"],
] as const;

/** Flags that say how engines hash a prompt and name its blocks. */
export function keyOptions(command: Command): Command {
  for (const [flag, help] of hashFlags) command.option(flag, help);
  command.option("--model <name>", "model in the keys");
  for (const [flag, help] of nameFlags) command.option(flag, help);
  return command;
}

/** Flags that choose the blocks of a prompt, for verbs that have `--family` and `--model` anyway. */
export function promptOptions(command: Command): Command {
  command.option(
    "--tokens <ids>",
    "the blocks of a prompt, with --family, --model and the flags of `keepwarm keys`",
  );
  for (const [flag, help] of [...hashFlags, ...nameFlags])
    command.addOption(new Option(flag, help).hideHelp());
  return command;
}

/** Argument and flags that name a chain. */
export function chainOptions(command: Command): Command {
  return keyOptions(
    command
      .argument("[keys...]", "keys of a chain's blocks in their order, instead of --tokens")
      .option("--family <name>", "lmcache, lmcache-mp, hicache or native")
      .option("--tokens <ids>", "token ids: 1,2,3 or @FILE (JSON, commas or white space)"),
  );
}
